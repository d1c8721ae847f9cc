//! Sizes of what lies on the server, and removing it.

use std::time::Duration;

use assay_attest::Digest;
use aws_sdk_s3::primitives::DateTime;

use super::{S3, UPLOADS, client::ServerClock, multipart::State, object_key, shown};
use crate::store::StoreError;

impl S3 {
    /// The size of what lies under a name; `None` when nothing does.
    pub(super) async fn size(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let client = &self.0.clients.plain;
        let ask = || client.head_object().bucket(self.bucket()).key(key).send();
        match self.patiently(self.0.limits.answer, ask).await {
            Ok(found) => {
                let bytes = found
                    .content_length
                    .and_then(|bytes| u64::try_from(bytes).ok());
                match bytes {
                    None => Err(self.nonsense("did not say how large an object is")),
                    bytes => Ok(bytes),
                }
            }
            Err(refusal) if refusal.is_missing() => Ok(None),
            Err(refusal) => Err(self.failed(self.bucket())(refusal)),
        }
    }

    /// When an object was written, and when the server said so, both by the server's clock; `None` when there is no such
    /// object.
    pub(crate) async fn written(
        &self,
        digest: Digest,
    ) -> Result<Option<(DateTime, DateTime)>, StoreError> {
        let (client, key) = (&self.0.clients.plain, object_key(digest));
        let clock = ServerClock::default();
        let ask = || {
            let request = client.head_object().bucket(self.bucket()).key(&key);
            request.customize().interceptor(clock.clone()).send()
        };
        match self.patiently(self.0.limits.answer, ask).await {
            Ok(found) => {
                let Some(written) = found.last_modified else {
                    return Err(self.nonsense("did not say when an object was written"));
                };
                Ok(Some((written, self.now(&clock)?)))
            }
            Err(refusal) if refusal.is_missing() => Ok(None),
            Err(refusal) => Err(self.failed(self.bucket())(refusal)),
        }
    }

    /// Removes an object, or learns that it is not there.
    pub(in crate::store) async fn remove(&self, digest: Digest) -> Result<(), StoreError> {
        self.remove_key(&object_key(digest)).await
    }

    /// Removes an object with one request. An error says nothing about whether the object is there, or will be.
    pub(crate) async fn remove_once(&self, digest: Digest) -> Result<(), StoreError> {
        let client = &self.0.clients.plain;
        let request = client
            .delete_object()
            .bucket(self.bucket())
            .key(object_key(digest))
            .send();
        let removed = Self::once(self.0.limits.answer, request).await;
        removed.map(drop).map_err(self.failed(self.bucket()))
    }

    async fn remove_key(&self, key: &str) -> Result<(), StoreError> {
        let client = &self.0.clients.plain;
        let remove = || client.delete_object().bucket(self.bucket()).key(key).send();
        match self.patiently(self.0.limits.answer, remove).await {
            Err(refusal) if !refusal.is_missing() => Err(self.failed(self.bucket())(refusal)),
            _ => Ok(()),
        }
    }

    /// Removes what an upload has left.
    pub(super) async fn clear_draft(&self, key: &str, state: State) -> Result<(), StoreError> {
        match state {
            State::Open(id) => self.abort(key, &id).await,
            State::Whole => self.remove_key(key).await,
            State::Gone => Ok(()),
        }
    }

    async fn abort(&self, key: &str, id: &str) -> Result<(), StoreError> {
        let abort = || {
            let request = self.0.clients.plain.abort_multipart_upload();
            request.bucket(self.bucket()).key(key).upload_id(id).send()
        };
        match self.patiently(self.0.limits.answer, abort).await {
            Err(refusal) if !refusal.is_missing() => Err(self.failed(self.bucket())(refusal)),
            _ => Ok(()),
        }
    }

    /// Removes what uploads have left that began `age` ago or earlier; returns how many. Others may be uploading: an
    /// age that an upload can reach removes it, too.
    pub(crate) async fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        let mut removed = 0;
        let (uploads, now) = self.open_uploads().await?;
        for upload in uploads {
            if is_older(upload.begun, now, age) {
                let begun = shown(upload.begun);
                tracing::info!(
                    key = upload.key,
                    begun,
                    "an upload that never ended is removed"
                );
                self.abort(&upload.key, &upload.id).await?;
                removed += 1;
            }
        }
        let mut pages = self.pages(self.bucket(), UPLOADS);
        while let Some(page) = self.next_page(&mut pages).await? {
            for listed in page.listed {
                if is_older(listed.written, page.now, age) {
                    self.remove_key(&listed.key).await?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

/// Whether something of the server is so old, by the server's own clock.
pub(crate) fn is_older(written: DateTime, now: DateTime, age: Duration) -> bool {
    let seconds = now.secs().saturating_sub(written.secs());
    u64::try_from(seconds).is_ok_and(|seconds| seconds >= age.as_secs())
}
