//! Writing what is in memory: one request, with the digest as checksum.

use std::time::{Duration, SystemTime};

use assay_attest::Digest;
use aws_sdk_s3::{
    primitives::{ByteStream, DateTime},
    types::ObjectLockMode,
};
use bytes::Bytes;

use super::{S3, checksum, object_key};
use crate::store::{StoreError, Stored};

/// The slowest sending that is waited for, in bytes a second.
const SLOWEST: u64 = 128 << 10;
/// A day.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Whether what is stored may be removed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Lock {
    /// When nothing names it any more.
    Free,
    /// Not for as long as `store.lock_proofs_days` says.
    Proof,
}

impl S3 {
    pub(in crate::store) async fn put_bytes(
        &self,
        data: Vec<u8>,
        lock: Lock,
    ) -> Result<Stored, StoreError> {
        let stored = Stored {
            digest: Digest::of(&data),
            bytes: data.len() as u64,
        };
        let key = object_key(stored.digest);
        let data = Bytes::from(data);
        self.put(self.bucket(), &key, data, stored.digest, lock)
            .await?;
        Ok(stored)
    }

    /// Writes an object anew even where it lies already: its age counts from now, and the collector looks at the age.
    pub(super) async fn put(
        &self,
        bucket: &str,
        key: &str,
        data: Bytes,
        digest: Digest,
        lock: Lock,
    ) -> Result<(), StoreError> {
        let limit = self.sending(data.len() as u64);
        let (mode, until) = self.retention(lock);
        let send = || {
            let (encryption, encryption_key) = self.encryption();
            let request = self.0.clients.plain.put_object();
            request
                .bucket(bucket)
                .key(key)
                .body(ByteStream::from(data.clone()))
                .content_type("application/octet-stream")
                // Part of what is signed, so the bytes are, too, without being hashed once more.
                .checksum_sha256(checksum(digest))
                .set_server_side_encryption(encryption)
                .set_ssekms_key_id(encryption_key)
                .set_object_lock_mode(mode.clone())
                .set_object_lock_retain_until_date(until)
                .customize()
                .disable_payload_signing()
                .send()
        };
        let sent = self.patiently(limit, send).await;
        sent.map(drop).map_err(self.failed(bucket))
    }

    /// How long so many bytes may be on their way.
    pub(super) fn sending(&self, bytes: u64) -> Duration {
        self.0.limits.answer + Duration::from_secs(bytes / SLOWEST)
    }

    fn retention(&self, lock: Lock) -> (Option<ObjectLockMode>, Option<DateTime>) {
        let days = self.0.config.lock_proofs_days;
        if lock == Lock::Free || days == 0 {
            return (None, None);
        }
        let until = SystemTime::now() + DAY * days;
        (
            Some(ObjectLockMode::Compliance),
            Some(DateTime::from(until)),
        )
    }
}
