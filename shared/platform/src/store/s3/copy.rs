//! Giving an upload its object's name, by a copy that the server makes.

use std::ops::Range;

use aws_sdk_s3::types::CompletedPart;

use super::{
    S3,
    multipart::{Draft, State},
    object_key,
};
use crate::store::{StoreError, Stored};

impl S3 {
    /// Copies a whole upload to the name of its object. The upload stays.
    pub(super) async fn place(&self, upload: &str, stored: Stored) -> Result<(), StoreError> {
        let key = object_key(stored.digest);
        if stored.bytes <= self.0.limits.copy_bytes {
            self.copy(upload, &key, stored.bytes).await?;
        } else {
            self.copy_parts(upload, &key, stored.bytes).await?;
        }
        match self.size(&key).await? {
            Some(bytes) if bytes == stored.bytes => Ok(()),
            found => Err(self.nonsense(&format!(
                "copied an upload of {} bytes, and {} bytes lie there",
                stored.bytes,
                found.unwrap_or_default()
            ))),
        }
    }

    async fn copy(&self, from: &str, to: &str, bytes: u64) -> Result<(), StoreError> {
        let copy = || {
            let (encryption, encryption_key) = self.encryption();
            let request = self.0.clients.plain.copy_object();
            request
                .copy_source(self.source(from))
                .bucket(self.bucket())
                .key(to)
                .set_server_side_encryption(encryption)
                .set_ssekms_key_id(encryption_key)
                .send()
        };
        let copied = self.patiently(self.sending(bytes), copy).await;
        copied.map(drop).map_err(self.failed(self.bucket()))
    }

    /// As [`S3::copy`], for what is too large for it.
    async fn copy_parts(&self, from: &str, to: &str, bytes: u64) -> Result<(), StoreError> {
        let mut draft = Draft::open(self, to.to_owned()).await?;
        let State::Open(id) = &draft.state else {
            return Err(StoreError::Stopped);
        };
        let (mut parts, mut start) = (Vec::new(), 0);
        while start < bytes {
            let end = start.saturating_add(self.0.limits.copy_bytes).min(bytes);
            let number = i32::try_from(parts.len() + 1).unwrap_or(i32::MAX);
            parts.push(self.copy_part(from, to, id, number, start..end).await?);
            start = end;
        }
        draft.complete(parts, bytes).await?;
        // What lies there is the object now.
        draft.state = State::Gone;
        Ok(())
    }

    async fn copy_part(
        &self,
        from: &str,
        to: &str,
        id: &str,
        number: i32,
        Range { start, end }: Range<u64>,
    ) -> Result<CompletedPart, StoreError> {
        let copy = || {
            let request = self.0.clients.plain.upload_part_copy();
            request
                .copy_source(self.source(from))
                .copy_source_range(format!("bytes={start}-{}", end.saturating_sub(1)))
                .bucket(self.bucket())
                .key(to)
                .upload_id(id)
                .part_number(number)
                .send()
        };
        let copied = self.patiently(self.sending(end - start), copy).await;
        let copied = copied.map_err(self.failed(self.bucket()))?;
        let Some(part) = copied.copy_part_result else {
            return Err(self.nonsense("copied a part and does not say what became of it"));
        };
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(part.e_tag)
            .set_checksum_sha256(part.checksum_sha256)
            .build())
    }

    /// Our keys have no sign that would have to be encoded.
    fn source(&self, key: &str) -> String {
        format!("{}/{key}", self.bucket())
    }
}
