//! A stream on its way to the server: in one piece when it is small, in parts when it is not.

use std::{fs::File, io, io::Read as _, mem};

use assay_attest::Hasher;
use bytes::Bytes;

use super::{S3, multipart::Multipart, object_key, put::Lock};
use crate::store::{StoreError, Stored};

/// Bytes of a file read at a time.
const CHUNK: usize = 1 << 20;

/// An upload to the server. The memory of it: the part that fills, and those that are on their way.
#[derive(Debug)]
pub(in crate::store) struct Upload {
    store: S3,
    limit: u64,
    taken: u64,
    hasher: Hasher,
    filling: Vec<u8>,
    /// There once there is more than one part.
    parts: Option<Multipart>,
}

impl S3 {
    pub(in crate::store) fn upload(&self, limit: u64) -> Upload {
        Upload {
            store: self.clone(),
            limit,
            taken: 0,
            hasher: Hasher::new(),
            filling: Vec::new(),
            parts: None,
        }
    }

    pub(in crate::store) async fn put_open_file(&self, file: File) -> Result<Stored, StoreError> {
        if !file.metadata()?.is_file() {
            let refused = io::Error::new(io::ErrorKind::InvalidInput, "not a plain file");
            return Err(refused.into());
        }
        let mut upload = self.upload(u64::MAX);
        let mut file = file;
        loop {
            let (rest, chunk) = read_on(file).await?;
            if chunk.is_empty() {
                return upload.finish().await;
            }
            upload.write(chunk).await?;
            file = rest;
        }
    }
}

/// Reads a chunk where waiting for the disk harms nobody; an empty one at the end.
async fn read_on(file: File) -> Result<(File, Bytes), StoreError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut chunk = Vec::with_capacity(CHUNK);
        (&file).take(CHUNK as u64).read_to_end(&mut chunk)?;
        Ok::<_, io::Error>((file, Bytes::from(chunk)))
    });
    Ok(read.await.map_err(|_| StoreError::Stopped)??)
}

impl Upload {
    pub(in crate::store) async fn write(&mut self, mut chunk: Bytes) -> Result<(), StoreError> {
        self.taken = self.taken.saturating_add(chunk.len() as u64);
        if self.taken > self.limit {
            return Err(StoreError::TooLarge { limit: self.limit });
        }
        self.hasher.update(&chunk);
        let part = usize::try_from(self.store.0.config.part_bytes).unwrap_or(usize::MAX);
        while !chunk.is_empty() {
            // Only when more comes is it certain that one part is not all.
            if self.filling.len() >= part {
                self.flush().await?;
            }
            let room = part.saturating_sub(self.filling.len()).min(chunk.len());
            self.filling.extend_from_slice(&chunk.split_to(room));
        }
        Ok(())
    }

    /// Sends the full part on its way.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let part = Bytes::from(mem::take(&mut self.filling));
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(Multipart::begin(&self.store).await?),
        };
        self.filling.reserve_exact(part.len());
        parts.send(part).await
    }

    pub(in crate::store) async fn finish(mut self) -> Result<Stored, StoreError> {
        if self.taken > self.limit {
            return Err(StoreError::TooLarge { limit: self.limit });
        }
        if self.parts.is_some() && !self.filling.is_empty() {
            self.flush().await?;
        }
        let (digest, bytes) = self.hasher.finish();
        let stored = Stored { digest, bytes };
        match self.parts {
            Some(parts) => parts.finish(stored).await?,
            None => {
                let (bucket, key) = (self.store.bucket(), object_key(digest));
                let data = Bytes::from(self.filling);
                self.store
                    .put(bucket, &key, data, digest, Lock::Free)
                    .await?;
            }
        }
        Ok(stored)
    }
}
