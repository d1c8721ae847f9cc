//! The store on a real S3 server, at `ASSAY_TEST_S3` (`http://KEY:SECRET@host:port`): a bucket for each test.

mod tls;

use aws_sdk_s3::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation},
    primitives::ByteStream,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

/// Where the server is, and its account.
struct Server {
    endpoint: String,
    key: String,
    secret: String,
}

impl Server {
    fn from_environment() -> Self {
        let url = std::env::var("ASSAY_TEST_S3").expect(
            "ASSAY_TEST_S3 must name an S3 server, as http://KEY:SECRET@127.0.0.1:8333; `./test` starts one",
        );
        let rest = url.strip_prefix("http://").unwrap();
        let (account, host) = rest.split_once('@').unwrap();
        let (key, secret) = account.split_once(':').unwrap();
        Self {
            endpoint: format!("http://{}", host.trim_end_matches('/')),
            key: key.to_owned(),
            secret: secret.to_owned(),
        }
    }

    fn client(&self) -> Client {
        let credentials = Credentials::new(&self.key, &self.secret, None, None, "test");
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    }

    fn config(&self, bucket: &str, secret_file: &Path) -> StoreConfig {
        fs::write(secret_file, format!("{}\n", self.secret)).unwrap();
        let text = format!(
            "endpoint = {:?}\nca_file = \"\"\nregion = \"us-east-1\"\naccess_key = {:?}\nsecret_key_file = {secret_file:?}\n\
             path_style = true\nbucket_jobs = {bucket:?}\nbucket_worker_scans = {bucket:?}\n\
             bucket_scanner_scans = {bucket:?}\npublic_endpoint = \"\"\nsse_kms_key_id = \"\"\n\
             lock_proofs_days = 0\npart_bytes = 5242880\nkeep_unnamed_hours = 24\ncreate_buckets = false\n",
            self.endpoint, self.key
        );
        toml::from_str(&text).unwrap()
    }
}

/// A bucket, and a client of the library itself to look into it.
pub(super) struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    pub(super) async fn put(&self, key: &str, bytes: &[u8]) {
        let body = ByteStream::from(bytes.to_vec());
        let put = self.client.put_object().bucket(&self.name).key(key);
        put.body(body).send().await.unwrap();
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let list = self.client.list_objects_v2().bucket(&self.name);
        let list = list.prefix(prefix).send().await.unwrap();
        list.contents()
            .iter()
            .filter_map(|one| one.key().map(str::to_owned))
            .collect()
    }

    async fn open_uploads(&self) -> Vec<(String, String)> {
        let list = self.client.list_multipart_uploads().bucket(&self.name);
        let list = list.send().await.unwrap();
        let both = |one: &aws_sdk_s3::types::MultipartUpload| {
            Some((one.key()?.to_owned(), one.upload_id()?.to_owned()))
        };
        list.uploads().iter().filter_map(both).collect()
    }

    pub(super) async fn uploads(&self) -> usize {
        self.open_uploads().await.len() + self.keys("uploads/").await.len()
    }

    async fn remove(&self) {
        for (key, id) in self.open_uploads().await {
            let abort = self.client.abort_multipart_upload().bucket(&self.name);
            let _gone = abort.key(key).upload_id(id).send().await;
        }
        for key in self.keys("").await {
            let delete = self.client.delete_object().bucket(&self.name);
            delete.key(key).send().await.unwrap();
        }
        let _left = self.client.delete_bucket().bucket(&self.name).send().await;
    }
}

/// Runs a test on a store with a bucket of its own, which is removed afterwards, however the test ends.
pub(super) async fn on_a_bucket(test: impl AsyncFnOnce(&Fixture)) {
    on_a_bucket_set(|_| {}, s3::Limits::default(), test).await;
}

async fn on_a_bucket_set(
    set: impl FnOnce(&mut StoreConfig),
    limits: s3::Limits,
    test: impl AsyncFnOnce(&Fixture),
) {
    use futures_util::FutureExt as _;
    use std::panic::{AssertUnwindSafe, resume_unwind};
    let server = Server::from_environment();
    let base = tempfile::tempdir().unwrap();
    let name = format!("assay-test-{}", uuid::Uuid::new_v4().simple());
    let mut config = server.config(&name, &base.path().join("secret"));
    set(&mut config);
    let store = s3::S3::open_within(config, base.path().join("rooms"), limits).unwrap();
    store.make_buckets().await.unwrap();
    let bucket = Bucket {
        client: server.client(),
        name,
    };
    let on = Fixture {
        base,
        store: Store::S3(store),
        bucket: Some(bucket),
    };
    let ended = AssertUnwindSafe(test(&on)).catch_unwind().await;
    if let Some(bucket) = &on.bucket {
        bucket.remove().await;
    }
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

fn bucket(on: &Fixture) -> &Bucket {
    on.bucket.as_ref().unwrap()
}

#[tokio::test]
async fn wrong_settings_are_told_apart_and_no_secret_is_shown() {
    on_a_bucket(async |on| {
        on.store.check(true).await.unwrap();
        let server = Server::from_environment();
        let told = async |set: &dyn Fn(&mut StoreConfig)| {
            let mut config = server.config(&bucket(on).name, &on.base.path().join("secret"));
            set(&mut config);
            let limits = s3::Limits {
                patience: Duration::ZERO,
                ..s3::Limits::default()
            };
            let store = s3::S3::open_within(config, on.base.path().join("rooms"), limits).unwrap();
            let error = store.check(false).await.unwrap_err().to_string();
            assert!(
                error.contains(&server.endpoint) || error.contains("127.0.0.1:1"),
                "{error}"
            );
            assert!(!error.contains(&server.secret), "{error}");
            error
        };
        let text = told(&|config| config.bucket_jobs = "assay-absent".to_owned()).await;
        assert!(
            text.contains("assay-absent") && text.contains("assay prepare"),
            "{text}"
        );
        let text = told(&|config| config.access_key = "nobody".to_owned()).await;
        assert!(text.contains("store.access_key"), "{text}");
        let wrong = on.base.path().join("wrong");
        fs::write(&wrong, "another secret").unwrap();
        let text = told(&|config| config.secret_key_file.clone_from(&wrong)).await;
        assert!(text.contains("store.secret_key_file"), "{text}");
        let text = told(&|config| config.endpoint = "http://127.0.0.1:1".to_owned()).await;
        assert!(text.contains("refused"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn absent_buckets_are_made_at_start_if_that_is_set() {
    let set = |config: &mut StoreConfig| config.create_buckets = true;
    on_a_bucket_set(set, s3::Limits::default(), async |on| {
        bucket(on).remove().await;
        on.store.check(true).await.unwrap();
        on.store.check(true).await.unwrap();
        on.store.put_bytes(b"x").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_too_large_for_one_copy_is_copied_in_parts() {
    let limits = s3::Limits {
        copy_bytes: 6 << 20,
        ..s3::Limits::default()
    };
    on_a_bucket_set(
        |_| {},
        limits,
        async |on| {
            let data = pattern(14_000_000);
            let mut upload = on.store.upload(u64::MAX).await.unwrap();
            upload.write(data.clone().into()).await.unwrap();
            let stored = upload.finish().await.unwrap();
            assert_eq!(on.store.verify(stored.digest).await.unwrap(), stored);
            assert_eq!(on.uploads().await, 0);
        },
    )
    .await;
}

#[tokio::test]
async fn uploads_that_never_ended_are_swept_when_they_are_old() {
    on_a_bucket(async |on| {
        let kept = on.store.put_bytes(b"an object").await.unwrap();
        bucket(on).put("uploads/left", b"whole").await;
        let client = &bucket(on).client;
        let begin = client.create_multipart_upload().bucket(&bucket(on).name);
        begin.key("uploads/parts").send().await.unwrap();
        assert_eq!(on.uploads().await, 2);
        assert_eq!(on.store.sweep(Duration::from_secs(3600)).await.unwrap(), 0);
        assert_eq!(on.store.sweep(Duration::ZERO).await.unwrap(), 2);
        assert_eq!(on.uploads().await, 0);
        on.store.verify(kept.digest).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn listings_go_beyond_a_page() {
    on_a_bucket(async |on| {
        let put = (0..1010).map(|i| {
            let digest: Digest = format!("ab{i:062x}").parse().unwrap();
            async move { bucket(on).put(&s3::object_key(digest), b"x").await }
        });
        use futures_util::StreamExt as _;
        let put: Vec<()> = futures_util::stream::iter(put)
            .buffer_unordered(16)
            .collect()
            .await;
        assert_eq!(put.len(), 1010);
        bucket(on).put("objects/ab/not-a-digest", b"x").await;
        assert_eq!(on.store.objects_under("ab").await.unwrap().len(), 1010);
        for _ in 0..2 {
            // `Bucket::remove` takes one page.
            for key in bucket(on).keys("objects/").await {
                let delete = bucket(on).client.delete_object().bucket(&bucket(on).name);
                delete.key(key).send().await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_to_the_server_gives_the_bytes_under_their_name() {
    let endpoint = Server::from_environment().endpoint;
    let set = |config: &mut StoreConfig| config.public_endpoint.clone_from(&endpoint);
    on_a_bucket_set(set, s3::Limits::default(), async |on| {
        let stored = on.store.put_bytes(b"the bytes").await.unwrap();
        let ttl = Duration::from_secs(60);
        let url = on
            .store
            .signed_url(stored.digest, "a b.json", ttl)
            .await
            .unwrap();
        let host = endpoint.strip_prefix("http://").unwrap();
        let target = url.strip_prefix(&endpoint).unwrap();
        let answer = async |target: &str| {
            let mut stream = TcpStream::connect(host).await.unwrap();
            let request =
                format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let given = answer(target).await;
        assert!(
            given.starts_with("HTTP/1.1 200") && given.ends_with("the bytes"),
            "{given}"
        );
        assert!(
            given
                .to_lowercase()
                .contains("attachment; filename=\"a b.json\""),
            "{given}"
        );
        let altered = target.replace("a%20b.json", "evil.html");
        assert_ne!(altered, target);
        assert!(answer(&altered).await.starts_with("HTTP/1.1 403"));
    })
    .await;
}

#[tokio::test]
async fn proofs_are_locked_where_the_bucket_can() {
    on_a_bucket(async |on| {
        let server = Server::from_environment();
        let with_lock = |name: &str| {
            let mut config = server.config(name, &on.base.path().join("secret"));
            config.lock_proofs_days = 1;
            s3::S3::open(config, on.base.path().join("rooms")).unwrap()
        };
        let refused = with_lock(&bucket(on).name).check(false).await.unwrap_err();
        assert!(
            refused.to_string().contains("has no object lock"),
            "{refused}"
        );
        let name = format!("{}-lock", bucket(on).name);
        let store = with_lock(&name);
        store.make_buckets().await.unwrap();
        store.check(false).await.unwrap();
        let store = Store::S3(store);
        let free = store.put_bytes(b"free").await.unwrap();
        let proof = store.put_proof(b"a proof").await.unwrap();
        store.verify(proof.digest).await.unwrap();
        let head = async |digest| {
            let head = bucket(on).client.head_object().bucket(&name);
            head.key(s3::object_key(digest)).send().await.unwrap()
        };
        assert!(head(free.digest).await.object_lock_mode.is_none());
        let locked = head(proof.digest).await;
        assert_eq!(locked.object_lock_mode.unwrap().as_str(), "COMPLIANCE");
        let version = locked.version_id.unwrap();
        let delete = bucket(on).client.delete_object().bucket(&name);
        let delete = delete.key(s3::object_key(proof.digest)).version_id(version);
        delete.send().await.unwrap_err();
    })
    .await;
}
