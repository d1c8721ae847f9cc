//! Over TLS, to a server with a certificate of the test's own authority.

use assay_test_parts::{Authority, Buckets};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_believed_by_its_certificate() {
    let (ours, another) = (Authority::new().unwrap(), Authority::new().unwrap());
    let started = assay_test_parts::S3::start_tls(&ours).unwrap();
    let buckets = Buckets::create_on(&started.url(), &["tls"]).unwrap();
    let server = Server {
        endpoint: format!("https://127.0.0.1:{}", started.tls_port().unwrap()),
        key: buckets.key().to_owned(),
        secret: buckets.secret().to_owned(),
    };
    let base = tempfile::tempdir().unwrap();
    let open = |ca_file: PathBuf| {
        let mut config = server.config(&buckets.name("tls"), &base.path().join("secret"));
        config.ca_file = ca_file;
        s3::S3::open(config, base.path().join("rooms"))
    };
    let store = Store::S3(open(ours.file()).unwrap());
    store.check(true).await.unwrap();
    // More than goes in one part.
    let data = pattern(6 << 20);
    let mut upload = store.upload(u64::MAX).await.unwrap();
    upload.write(data.clone().into()).await.unwrap();
    let stored = upload.finish().await.unwrap();
    assert_eq!(store.read(stored.digest, 6 << 20).await.unwrap(), data);

    let refused = open(another.file()).unwrap().check(true).await.unwrap_err();
    let text = refused.to_string();
    assert!(!refused.is_passing(), "{text}");
    assert!(
        text.contains("not from an authority that is trusted") && text.contains("store.ca_file"),
        "{text}"
    );
    let absent = open("/no/such/authority".into()).unwrap_err().to_string();
    assert!(
        absent.contains("store.ca_file: /no/such/authority"),
        "{absent}"
    );
}
