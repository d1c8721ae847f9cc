//! The store as a bucket of an S3 server: `objects/ab/abcdef…` by digest, and `uploads/` for what is being written.
//!
//! An object appears under its name by one request, whole. Many processes share a bucket: nothing that this one
//! remembers decides what may be removed. That the collector does (`crate::objects`), by age and by the database.

mod buckets;
mod client;
mod copy;
mod list;
mod multipart;
mod put;
mod read;
mod remove;
mod reports;
mod trouble;
mod upload;

use std::{path::PathBuf, sync::Arc, time::Duration};

use assay_attest::Digest;
use aws_sdk_s3::{
    presigning::PresigningConfig,
    primitives::{DateTime, DateTimeFormat},
    types::ServerSideEncryption,
};

use super::{Holds, LinkKey, StoreConfig, StoreError, folder::private_folder, links::attachment};
use client::{Account, Clients};
use trouble::Refusal;

pub(crate) use list::Listed;
pub(super) use put::Lock;
pub(super) use read::Reader;
pub(crate) use remove::is_older;
pub(super) use upload::Upload;

/// Where objects lie in the bucket.
const OBJECTS: &str = "objects/";
/// Where uploads lie whose digest is not known yet.
const UPLOADS: &str = "uploads/";
/// The longest that a signed link may be valid (AWS Signature Version 4, query string authentication).
const LONGEST_LINK: Duration = Duration::from_secs(7 * 24 * 3600);

/// A bucket of objects named by their digests.
#[derive(Debug, Clone)]
pub struct S3(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clients: Clients,
    config: StoreConfig,
    scratch: PathBuf,
    links: LinkKey,
    holds: Holds,
    limits: Limits,
}

/// How long and how much. Tests set others.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// How long a request is made again and again while the server is in trouble.
    pub(super) patience: Duration,
    /// How long the server may take for an answer without a body to speak of.
    pub(super) answer: Duration,
    /// How long a stream may give nothing.
    pub(super) stall: Duration,
    /// Bytes that the server copies in one request (S3: 5 GiB at most).
    pub(super) copy_bytes: u64,
    /// Pages of a listing at most, of a thousand names each: more is not what was put there.
    pub(super) pages: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            stall: Duration::from_secs(20),
            copy_bytes: 5 << 30,
            pages: 10_000,
        }
    }
}

impl S3 {
    /// Makes the client; connects to nothing ([`S3::check`] does). Rooms are made at `scratch`, on the local disk.
    ///
    /// # Errors
    /// [`StoreError::Settings`] when the secret or the root certificates cannot be read; [`StoreError::Io`] when
    /// `scratch` cannot be made.
    pub fn open(config: StoreConfig, scratch: PathBuf) -> Result<Self, StoreError> {
        Self::open_within(config, scratch, Limits::default())
    }

    pub(super) fn open_within(
        config: StoreConfig,
        scratch: PathBuf,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        private_folder(&scratch)?;
        let account = Account::read(&config)?;
        Ok(Self(Arc::new(Inner {
            clients: Clients::new(&config, &account)?,
            links: LinkKey::derived(account.secret().as_bytes()),
            config,
            scratch,
            holds: Holds::default(),
            limits,
        })))
    }

    pub(super) fn links(&self) -> &LinkKey {
        &self.0.links
    }

    pub(super) fn holds(&self) -> &Holds {
        &self.0.holds
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.0.scratch.clone()
    }

    fn bucket(&self) -> &str {
        &self.0.config.bucket_jobs
    }

    fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        let key = &self.0.config.sse_kms_key_id;
        if key.is_empty() {
            return (None, None);
        }
        (Some(ServerSideEncryption::AwsKms), Some(key.clone()))
    }

    /// A link to the bytes at the address that people reach; `None` when there is none.
    pub(super) async fn signed_url(
        &self,
        digest: Digest,
        name: &str,
        ttl: Duration,
    ) -> Result<Option<String>, StoreError> {
        let Some(client) = &self.0.clients.public else {
            return Ok(None);
        };
        let validity = PresigningConfig::expires_in(ttl.min(LONGEST_LINK))
            .map_err(|error| StoreError::Settings(format!("download_ttl_seconds: {error}")))?;
        let request = client
            .get_object()
            .bucket(self.bucket())
            .key(object_key(digest))
            .response_content_disposition(attachment(name))
            .response_content_type("application/octet-stream");
        let signed = Box::pin(request.presigned(validity))
            .await
            .map_err(|error| self.failed(self.bucket())(Refusal::from(error)))?;
        Ok(Some(signed.uri().to_owned()))
    }
}

/// The name of an object.
pub(super) fn object_key(digest: Digest) -> String {
    let name = digest.to_string();
    let first: String = name.chars().take(2).collect();
    format!("{OBJECTS}{first}/{name}")
}

/// The digest of an object's name; `None` for what somebody else put there.
fn object_of(key: &str) -> Option<Digest> {
    let digest: Digest = key.rsplit('/').next()?.parse().ok()?;
    (object_key(digest) == key).then_some(digest)
}

/// A digest as S3's checksums are written.
fn checksum(digest: Digest) -> String {
    aws_smithy_types::base64::encode(digest.as_bytes())
}

/// A time for a log.
fn shown(time: DateTime) -> String {
    time.fmt(DateTimeFormat::DateTime)
        .unwrap_or_else(|_| time.secs().to_string())
}

#[cfg(test)]
mod tests;
