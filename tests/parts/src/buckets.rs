//! Buckets of a test's own.

use anyhow::Context as _;
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    error::DisplayErrorContext,
};

use crate::{blocking, names, vhost::account};

/// New, empty buckets on the shared S3 server; deleted with the value, and what lies in them.
#[derive(Debug)]
pub struct Buckets {
    endpoint: String,
    key: String,
    secret: String,
    prefix: String,
    names: Vec<String>,
}

impl Buckets {
    /// Makes the three buckets of a deployment on the server that the environment names.
    pub fn create() -> anyhow::Result<Self> {
        let server = names::of(names::S3)?;
        Self::create_on(&server, &["training-jobs", "worker-scans", "scanner-scans"])
    }

    /// Makes a bucket for each of these names on this server, `http://key:secret@host:port`.
    pub fn create_on(server: &str, purposes: &[&str]) -> anyhow::Result<Self> {
        let (endpoint, account) = account(server.trim_end_matches('/'));
        let (key, secret) = account.with_context(|| format!("{} has no key in it", names::S3))?;
        let prefix = uuid::Uuid::new_v4().simple().to_string();
        let mut this = Self {
            endpoint,
            key: key.to_owned(),
            secret: secret.to_owned(),
            prefix,
            names: vec![],
        };
        for purpose in purposes {
            this.add(purpose)?;
        }
        Ok(this)
    }

    /// The server's address without the key.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The key's name.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key's secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The bucket's name for this purpose.
    pub fn name(&self, purpose: &str) -> String {
        // 63 characters at most.
        format!("{purpose}-{}", &self.prefix[..16])
    }

    /// A client with the account that may do everything.
    pub fn client(&self) -> Client {
        let credentials = Credentials::new(&self.key, &self.secret, None, None, "test");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Client::from_conf(config)
    }

    fn add(&mut self, purpose: &str) -> anyhow::Result<()> {
        let name = self.name(purpose);
        let client = self.client();
        blocking::run(async {
            let made = client.create_bucket().bucket(&name).send().await;
            made.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(error)))?;
            Ok(())
        })
        .with_context(|| format!("making the bucket {name}"))?;
        self.names.push(name);
        Ok(())
    }
}

impl Drop for Buckets {
    fn drop(&mut self) {
        let client = self.client();
        for name in &self.names {
            // The server may be gone already.
            let _gone = blocking::run(remove(&client, name));
        }
    }
}

async fn remove(client: &Client, bucket: &str) -> anyhow::Result<()> {
    let uploads = client
        .list_multipart_uploads()
        .bucket(bucket)
        .send()
        .await?;
    for upload in uploads.uploads() {
        let abort = client.abort_multipart_upload().bucket(bucket);
        let abort = abort.set_key(upload.key.clone());
        abort.set_upload_id(upload.upload_id.clone()).send().await?;
    }
    loop {
        let page = client.list_objects_v2().bucket(bucket).send().await?;
        for object in page.contents() {
            let delete = client.delete_object().bucket(bucket);
            delete.set_key(object.key.clone()).send().await?;
        }
        if page.contents().is_empty() {
            break;
        }
    }
    client.delete_bucket().bucket(bucket).send().await?;
    Ok(())
}
