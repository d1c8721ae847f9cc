//! The store: bytes once, by digest. Paths of a job are an index over it, kept in the database.

pub mod folder;
mod signed_url;

use std::{ops::Range, path::Path, time::Duration};

use assay_attest::Digest;
use bytes::Bytes;

pub use signed_url::UrlSigner;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the network to it.
    #[error("store: {0}")]
    Io(#[from] std::io::Error),
    /// More bytes than there may be.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// How many there may be.
        limit: u64,
    },
    /// The object's bytes are not those of its digest.
    #[error("object {expected} holds other bytes (SHA-256 {found})")]
    Corrupt {
        /// The digest that is its name.
        expected: Digest,
        /// The digest of what lies there.
        found: Digest,
    },
    /// There is no such object.
    #[error("there is no object {0}")]
    Missing(Digest),
}

/// An object in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

/// The store, by configuration.
#[derive(Debug, Clone)]
pub enum Store {
    /// A local folder.
    Folder(folder::Folder),
}

/// An upload that is being written: hashed while it streams, invisible until [`Upload::finish`], gone when dropped.
#[derive(Debug)]
pub enum Upload {
    /// Into a local folder.
    Folder(folder::Upload),
}

/// Reads one object, or a range of it, in chunks.
#[derive(Debug)]
pub enum ObjectReader {
    /// From a local folder.
    Folder(folder::Reader),
}

impl Upload {
    /// Appends a chunk.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] past the upload's limit.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        match self {
            Self::Folder(upload) => upload.write(chunk).await,
        }
    }

    /// Makes it durable under its digest. An object that is there already is kept.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn finish(self) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(upload) => upload.finish().await,
        }
    }
}

impl ObjectReader {
    /// The next chunk, at most 256 KiB; `None` at the end.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        match self {
            Self::Folder(reader) => reader.next().await,
        }
    }
}

impl Store {
    /// Begins an upload of at most `limit` bytes.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn upload(&self, limit: u64) -> Result<Upload, StoreError> {
        match self {
            Self::Folder(folder) => folder.upload(limit).map(Upload::Folder),
        }
    }

    /// Stores bytes that are in memory.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn put_bytes(&self, data: &[u8]) -> Result<Stored, StoreError> {
        let mut upload = self.upload(u64::MAX).await?;
        upload.write(Bytes::copy_from_slice(data)).await?;
        upload.finish().await
    }

    /// Copies an open file, from where it stands to its end, into the store: hashed on the way, one read.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn put_open_file(&self, file: std::fs::File) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(folder) => folder.upload(u64::MAX)?.copy(file).await,
        }
    }

    /// Copies an object to the new file `to`, read-only, and measures what was copied: one read.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Corrupt`] when the bytes are not those of the digest, [`StoreError::Io`].
    pub async fn fetch(&self, digest: Digest, to: &Path) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(folder) => folder.fetch(digest, to).await,
        }
    }

    /// Opens an object for reading `range` (all when `None`, cut to its end); gives its whole size too.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Io`].
    pub async fn open(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<(ObjectReader, u64), StoreError> {
        match self {
            Self::Folder(folder) => {
                let (reader, size) = folder.open(digest, range).await?;
                Ok((ObjectReader::Folder(reader), size))
            }
        }
    }

    /// All bytes of a small object, its digest checked.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] past `limit`, [`StoreError::Missing`], [`StoreError::Corrupt`], [`StoreError::Io`].
    pub async fn read(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Folder(folder) => folder.read(digest, limit).await,
        }
    }

    /// Hashes an object anew: is what lies there what its name says?
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Corrupt`], [`StoreError::Io`].
    pub async fn verify(&self, digest: Digest) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(folder) => folder.verify(digest).await,
        }
    }

    /// Removes an object; fine when there is none. Only for objects that no job names: see [`crate::Platform::discard`].
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn remove(&self, digest: Digest) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => folder.remove(digest),
        }
    }

    /// Digests of all objects, for the removal of those that no job names.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn digests(&self) -> Result<Vec<Digest>, StoreError> {
        match self {
            Self::Folder(folder) => folder.digests(),
        }
    }

    /// A path with query, for the API to serve, that gives these bytes under this file name until `ttl` has passed.
    pub fn signed_url(&self, digest: Digest, name: &str, ttl: Duration) -> String {
        match self {
            Self::Folder(folder) => folder.urls().sign(digest, name, ttl),
        }
    }

    /// Whether a signed link is ours and has not expired (`expires` in seconds since 1970).
    pub fn check_signed_url(
        &self,
        digest: Digest,
        name: &str,
        expires: i64,
        signature: &str,
    ) -> bool {
        match self {
            Self::Folder(folder) => folder.urls().check(digest, name, expires, signature),
        }
    }
}
