//! An upload in parts, to a name of its own, which becomes an object by a copy on the server.

use std::mem;

use assay_attest::Digest;
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{S3, UPLOADS, checksum};
use crate::store::{StoreError, Stored};

/// Parts on their way at the same time.
const AT_ONCE: usize = 2;
/// Parts of an upload at most (S3).
const MOST_PARTS: i32 = 10_000;

/// An upload in parts.
#[derive(Debug)]
pub(super) struct Multipart {
    // Before the draft, so that no part is on its way any more when a draft that is dropped is cleared away.
    sending: JoinSet<Result<CompletedPart, StoreError>>,
    sent: Vec<CompletedPart>,
    next: i32,
    draft: Draft,
}

/// What lies on the server while an upload lasts. It is cleared away when this is dropped.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) store: S3,
    pub(super) key: String,
    pub(super) state: State,
}

/// How far a draft has come.
#[derive(Debug)]
pub(super) enum State {
    /// Parts of the upload with this id.
    Open(String),
    /// An object under the draft's name.
    Whole,
    /// Nothing that has to be cleared away.
    Gone,
}

impl Multipart {
    /// Begins one.
    pub(super) async fn begin(store: &S3) -> Result<Self, StoreError> {
        let key = format!("{UPLOADS}{}", Uuid::new_v4().simple());
        Ok(Self {
            sending: JoinSet::new(),
            sent: Vec::new(),
            next: 1,
            draft: Draft::open(store, key).await?,
        })
    }

    /// Sends a part, once fewer than [`AT_ONCE`] are on their way.
    pub(super) async fn send(&mut self, part: Bytes) -> Result<(), StoreError> {
        while self.sending.len() >= AT_ONCE {
            self.arrive().await?;
        }
        let State::Open(id) = &self.draft.state else {
            return Err(StoreError::Stopped);
        };
        if self.next > MOST_PARTS {
            let limit = self.draft.store.0.config.part_bytes * MOST_PARTS.unsigned_abs() as u64;
            return Err(StoreError::TooLarge { limit });
        }
        let (store, key, id) = (self.draft.store.clone(), self.draft.key.clone(), id.clone());
        let number = self.next;
        self.next += 1;
        self.sending
            .spawn(async move { store.send_part(&key, &id, number, part).await });
        Ok(())
    }

    /// Waits for one of the parts on their way.
    async fn arrive(&mut self) -> Result<(), StoreError> {
        if let Some(part) = self.sending.join_next().await {
            self.sent.push(part.map_err(|_| StoreError::Stopped)??);
        }
        Ok(())
    }

    /// Puts the parts together and gives the object its name.
    pub(super) async fn finish(mut self, stored: Stored) -> Result<(), StoreError> {
        while !self.sending.is_empty() {
            self.arrive().await?;
        }
        let mut draft = self.draft;
        draft.complete(self.sent, stored.bytes).await?;
        draft.store.place(&draft.key, stored).await?;
        draft.clear().await
    }
}

impl S3 {
    async fn send_part(
        &self,
        key: &str,
        id: &str,
        number: i32,
        part: Bytes,
    ) -> Result<CompletedPart, StoreError> {
        let hashed = part.clone();
        let digest = tokio::task::spawn_blocking(move || Digest::of(&hashed))
            .await
            .map_err(|_| StoreError::Stopped)?;
        let send = || {
            let request = self.0.clients.plain.upload_part();
            request
                .bucket(self.bucket())
                .key(key)
                .upload_id(id)
                .part_number(number)
                .checksum_sha256(checksum(digest))
                .body(ByteStream::from(part.clone()))
                .customize()
                .disable_payload_signing()
                .send()
        };
        let sent = self.patiently(self.sending(part.len() as u64), send).await;
        let sent = sent.map_err(self.failed(self.bucket()))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .checksum_sha256(checksum(digest))
            .build())
    }
}

impl Draft {
    /// Begins an upload in parts under this name.
    pub(super) async fn open(store: &S3, key: String) -> Result<Self, StoreError> {
        let begin = || {
            let (encryption, encryption_key) = store.encryption();
            let request = store.0.clients.plain.create_multipart_upload();
            request
                .bucket(store.bucket())
                .key(&key)
                .content_type("application/octet-stream")
                .checksum_algorithm(ChecksumAlgorithm::Sha256)
                .set_server_side_encryption(encryption)
                .set_ssekms_key_id(encryption_key)
                .send()
        };
        let begun = store.patiently(store.0.limits.answer, begin).await;
        let begun = begun.map_err(store.failed(store.bucket()))?;
        let Some(id) = begun.upload_id else {
            return Err(store.nonsense("began an upload without giving its id"));
        };
        Ok(Self {
            store: store.clone(),
            key,
            state: State::Open(id),
        })
    }

    /// Puts the parts together; they must have so many bytes.
    pub(super) async fn complete(
        &mut self,
        mut parts: Vec<CompletedPart>,
        bytes: u64,
    ) -> Result<(), StoreError> {
        let State::Open(id) = &self.state else {
            return Err(StoreError::Stopped);
        };
        parts.sort_by_key(CompletedPart::part_number);
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let store = &self.store;
        let finish = || {
            let request = store.0.clients.plain.complete_multipart_upload();
            request
                .bucket(store.bucket())
                .key(&self.key)
                .upload_id(id)
                .multipart_upload(parts.clone())
                .send()
        };
        let completed = store.patiently(store.sending(bytes), finish).await;
        if let Err(refusal) = completed {
            // The answer to an earlier try may have been lost on the way: the upload is gone then, and the object there.
            let there =
                refusal.code == "NoSuchUpload" && store.size(&self.key).await? == Some(bytes);
            if !there {
                return Err(store.failed(store.bucket())(refusal));
            }
        }
        self.state = State::Whole;
        Ok(())
    }

    /// Clears away what lies on the server.
    pub(super) async fn clear(mut self) -> Result<(), StoreError> {
        let state = mem::replace(&mut self.state, State::Gone);
        self.store.clear_draft(&self.key, state).await
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let state = mem::replace(&mut self.state, State::Gone);
        if matches!(state, State::Gone) {
            return;
        }
        let (store, key) = (self.store.clone(), mem::take(&mut self.key));
        // Without a runtime the process is ending. What stays is swept when it is old.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = store.clear_draft(&key, state).await {
                    tracing::warn!(%error, "an upload that was given up is left to be swept");
                }
            });
        }
    }
}
