//! Reading objects as a stream that is taken up again where it broke, and checking what was read.

use std::{io, ops::Range, path::Path, time::Instant};

use assay_attest::{Digest, Hasher};
use aws_sdk_s3::{operation::get_object::GetObjectOutput, primitives::ByteStream};
use bytes::Bytes;
use tokio::{
    fs::{self, OpenOptions},
    io::AsyncWriteExt as _,
    time::timeout,
};

use super::{
    S3, object_key,
    trouble::{Pauses, Refusal},
};
use crate::store::{StoreError, Stored, expect, free_bytes};

/// Bytes of a chunk at most.
const CHUNK: usize = 256 * 1024;

/// Reads an object, or a part of it.
#[derive(Debug)]
pub(in crate::store) struct Reader {
    store: S3,
    digest: Digest,
    /// The next byte, and the one after the last.
    at: u64,
    end: u64,
    /// The object's size.
    size: u64,
    body: Option<ByteStream>,
    received: Bytes,
    /// Present when all of the object is read, so that what is read can be checked.
    check: Option<Hasher>,
}

impl S3 {
    pub(in crate::store) async fn reader(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<(Reader, u64), StoreError> {
        let Some(Range { start, end }) = range else {
            return self.whole(digest).await;
        };
        let size = self.size(&object_key(digest)).await?;
        let size = size.ok_or(StoreError::Missing(digest))?;
        if start > end || end > size {
            let bytes = size;
            return Err(StoreError::Range { start, end, bytes });
        }
        if start == 0 && end == size {
            return self.whole(digest).await;
        }
        // The stream itself is opened by whoever reads on.
        let reader = Reader {
            store: self.clone(),
            digest,
            at: start,
            end,
            size,
            body: None,
            received: Bytes::new(),
            check: None,
        };
        Ok((reader, size))
    }

    async fn whole(&self, digest: Digest) -> Result<(Reader, u64), StoreError> {
        let (client, key) = (&self.0.clients.streams, object_key(digest));
        let get = || client.get_object().bucket(self.bucket()).key(&key).send();
        let got = self.patiently(self.0.limits.answer, get).await;
        let got = got.map_err(|refusal| self.refused(digest, refusal))?;
        let Some(size) = got.content_length.and_then(|size| u64::try_from(size).ok()) else {
            return Err(self.nonsense("did not say how large an object is"));
        };
        if size == 0 {
            expect(digest, Hasher::new().finish())?;
        }
        let reader = Reader {
            store: self.clone(),
            digest,
            at: 0,
            end: size,
            size,
            body: Some(got.body),
            received: Bytes::new(),
            check: Some(Hasher::new()),
        };
        Ok((reader, size))
    }

    fn refused(&self, digest: Digest, refusal: Refusal) -> StoreError {
        if refusal.is_missing() {
            return StoreError::Missing(digest);
        }
        self.failed(self.bucket())(refusal)
    }

    pub(in crate::store) async fn read(
        &self,
        digest: Digest,
        limit: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let (mut reader, size) = self.whole(digest).await?;
        if size > limit {
            return Err(StoreError::TooLarge { limit });
        }
        let mut data = Vec::new();
        while let Some(chunk) = reader.next().await? {
            data.extend_from_slice(&chunk);
        }
        Ok(data)
    }

    pub(in crate::store) async fn verify(&self, digest: Digest) -> Result<Stored, StoreError> {
        let (mut reader, bytes) = self.whole(digest).await?;
        while reader.next().await?.is_some() {}
        Ok(Stored { digest, bytes })
    }

    pub(in crate::store) async fn fetch(
        &self,
        digest: Digest,
        to: &Path,
    ) -> Result<Stored, StoreError> {
        let (reader, bytes) = self.whole(digest).await?;
        // What the server says of the size is not believed to the point of filling the disk.
        let folder = to.parent().unwrap_or_else(|| Path::new(".")).to_owned();
        let free = tokio::task::spawn_blocking(move || free_bytes(&folder));
        if free.await.map_err(|_| StoreError::Stopped)?? < bytes {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .await?;
        let written = write_out(reader, file).await;
        if written.is_err() {
            fs::remove_file(to).await?;
        }
        written?;
        Ok(Stored { digest, bytes })
    }
}

async fn write_out(mut reader: Reader, mut file: fs::File) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt as _;
    while let Some(chunk) = reader.next().await? {
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    file.set_permissions(std::fs::Permissions::from_mode(0o444))
        .await?;
    Ok(())
}

impl Reader {
    pub(in crate::store) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.at >= self.end {
            return Ok(None);
        }
        if self.received.is_empty() {
            self.received = self.receive().await?;
        }
        let chunk = self.received.split_to(self.received.len().min(CHUNK));
        self.at += chunk.len() as u64;
        if let Some(hasher) = &mut self.check {
            hasher.update(&chunk);
        }
        if self.at == self.end {
            self.body = None;
            if let Some(hasher) = self.check.take() {
                expect(self.digest, hasher.finish())?;
            }
        }
        Ok(Some(chunk))
    }

    /// The next bytes, never none and never beyond the end; the stream is opened anew when it breaks or stalls.
    async fn receive(&mut self) -> Result<Bytes, StoreError> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let stall = self.store.0.limits.stall;
        let mut pauses = Pauses::new(self.store.0.limits.patience);
        loop {
            let trouble = match &mut self.body {
                None => match self.reopen().await {
                    Ok(()) => continue,
                    Err(refusal) if refusal.is_missing() => {
                        return Err(StoreError::Missing(self.digest));
                    }
                    Err(refusal) => refusal,
                },
                Some(body) => match timeout(stall, body.next()).await {
                    Ok(Some(Ok(bytes))) if bytes.is_empty() => continue,
                    Ok(Some(Ok(mut bytes))) => {
                        bytes.truncate(left);
                        return Ok(bytes);
                    }
                    Ok(Some(Err(error))) => Refusal::passing(format!("broke off: {error}")),
                    Ok(None) => Refusal::passing("ended an object early"),
                    Err(_) => Refusal::passing(format!("gave nothing for {} s", stall.as_secs())),
                },
            };
            self.body = None;
            let (digest, at) = (self.digest, self.at);
            tracing::debug!(%digest, at, %trouble, "an object is read on");
            if !pauses.wait().await {
                return Err(self.store.failed(self.store.bucket())(trouble));
            }
        }
    }

    /// Opens the stream at the next byte.
    async fn reopen(&mut self) -> Result<(), Refusal> {
        let (store, began) = (&self.store, Instant::now());
        let last = self.end.saturating_sub(1);
        let request = store
            .0
            .clients
            .streams
            .get_object()
            .bucket(store.bucket())
            .key(object_key(self.digest))
            .range(format!("bytes={}-{last}", self.at));
        let got = S3::once(store.0.limits.answer, request.send()).await?;
        let expected = format!("bytes {}-{last}/{}", self.at, self.size);
        if got.content_range.as_deref() != Some(&expected) {
            return Err(Refusal::passing(format!(
                "gave other bytes than those asked for ({expected})"
            )));
        }
        tracing::trace!(took = ?began.elapsed(), "a stream is open");
        let GetObjectOutput { body, .. } = got;
        self.body = Some(body);
        Ok(())
    }
}
