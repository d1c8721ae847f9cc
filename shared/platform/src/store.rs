//! The store: bytes once, by digest. Paths of a job are an index over it, kept in the database.

pub mod folder;
mod holds;
mod links;

use std::{
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use assay_attest::Digest;
use bytes::Bytes;

use crate::{PlatformError, db::Db};
use holds::Release;

pub use holds::Holds;
pub use links::LinkKey;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the network to it.
    #[error("store: {0}")]
    Io(#[from] std::io::Error),
    /// More bytes than the upload may have.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The bytes that it may have.
        limit: u64,
    },
    /// The object's bytes are not those of its digest.
    #[error("object {expected} holds other bytes (sha256 {found})")]
    Corrupt {
        /// The digest that names it.
        expected: Digest,
        /// The digest of what lies there.
        found: Digest,
    },
    /// There is no such object.
    #[error("no object {0}")]
    Missing(Digest),
    /// The range ends before it starts, or lies outside the object.
    #[error("bytes {start} to {end} of an object of {bytes}")]
    Range {
        /// The first byte asked for.
        start: u64,
        /// The byte after the last one asked for.
        end: u64,
        /// The object's size.
        bytes: u64,
    },
    /// A task of the runtime ended early: the process is stopping.
    #[error("store: the work was stopped")]
    Stopped,
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
pub struct Upload(Writing);

#[derive(Debug)]
enum Writing {
    Folder(folder::Upload),
}

impl Upload {
    /// Appends a chunk.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] past the limit; the upload is of no use then.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        match &mut self.0 {
            Writing::Folder(upload) => upload.write(&chunk).await,
        }
    }

    /// Gives it its name, the digest (atomic rename), sends it on its way to the disk (fsync), and holds it until an
    /// artifact's row names it or [`crate::Platform::release`] gives it back. The database commits such a row only when
    /// the object has reached the disk. An object that is there already is kept.
    ///
    /// # Errors
    /// [`StoreError::Io`]; nothing of the upload is left then.
    pub async fn finish(self) -> Result<Stored, StoreError> {
        match self.0 {
            Writing::Folder(upload) => upload.finish().await,
        }
    }
}

/// Reads one object from a start to an end, in chunks.
#[derive(Debug)]
pub struct ObjectReader(Reading);

#[derive(Debug)]
enum Reading {
    Folder(folder::Reader),
}

impl ObjectReader {
    /// The next chunk (≤ 256 KiB); `None` at the end.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] in place of the last chunk of a whole object that is not what its digest says.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        match &mut self.0 {
            Reading::Folder(reader) => reader.next().await,
        }
    }
}

/// What stores an object holds it, too, as [`Upload::finish`] says. Every method fails with [`StoreError::Io`] when
/// the disk does, and with [`StoreError::Missing`] when it is asked for an object that is not there.
impl Store {
    /// Begins an upload of at most `limit` bytes.
    pub async fn upload(&self, limit: u64) -> Result<Upload, StoreError> {
        match self {
            Self::Folder(store) => Ok(Upload(Writing::Folder(store.upload(limit)))),
        }
    }

    /// Stores bytes that are in memory.
    pub async fn put_bytes(&self, data: &[u8]) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(store) => store.put_bytes(data.to_vec()).await,
        }
    }

    /// Stores what an open file holds from where it stands, hashing it once on the way in. What is no plain file is refused.
    pub async fn put_open_file(&self, file: File) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(store) => store.put_open_file(file).await,
        }
    }

    /// Places an object at `to`, where nothing may be yet, for the sandbox (hard link or copy, read-only), and checks
    /// its digest on the way: one read.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]; nothing is left at `to` then.
    pub async fn fetch(&self, digest: Digest, to: &Path) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(store) => store.fetch(digest, to).await,
        }
    }

    /// Opens an object for reading `range` (all when `None`); gives its whole size too.
    ///
    /// # Errors
    /// [`StoreError::Range`].
    pub async fn open(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<(ObjectReader, u64), StoreError> {
        match self {
            Self::Folder(store) => {
                let (reader, bytes) = store.reader(digest, range).await?;
                Ok((ObjectReader(Reading::Folder(reader)), bytes))
            }
        }
    }

    /// All bytes of a small object, digest checked.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] past `limit`; [`StoreError::Corrupt`].
    pub async fn read(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Folder(store) => store.read(digest, limit).await,
        }
    }

    /// Hashes an object anew: is what lies there what its name says?
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub async fn verify(&self, digest: Digest) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(store) => store.verify(digest).await,
        }
    }

    /// Removes an object, whoever names or holds it; [`crate::Platform::release`] is the careful way. One that is not
    /// there is no error.
    pub async fn remove(&self, digest: Digest) -> Result<(), StoreError> {
        match self {
            Self::Folder(store) => store.remove(digest).await,
        }
    }

    /// The careful way to remove: see [`crate::Platform::release`].
    pub(crate) async fn release(&self, digest: Digest, db: &Db) -> Result<(), PlatformError> {
        let holds = self.holds();
        while let Release::Ask(asked) = holds.begin_release(digest) {
            let unnamed = !db.object_is_referenced(digest).await?;
            let Self::Folder(store) = self;
            let remove = || store.remove_now(digest);
            if let Some(removed) = holds.finish_release(digest, asked, unnamed, remove) {
                removed.transpose().map_err(StoreError::from)?;
                break;
            }
        }
        Ok(())
    }

    /// A link that gives these bytes under this file name until `ttl` has passed: a path with query, signed, for the
    /// API to serve (`/download/{digest}?name=…&expires=…&signature=…`). `expires` is in seconds since 1970.
    pub fn signed_url(&self, digest: Digest, name: &str, ttl: Duration) -> String {
        match self {
            Self::Folder(store) => store.links().sign(digest, name, ttl),
        }
    }

    /// Whether a signed link is ours and has not expired.
    pub fn check_signed_url(
        &self,
        digest: Digest,
        name: &str,
        expires: i64,
        signature: &str,
    ) -> bool {
        match self {
            Self::Folder(store) => store.links().check(digest, name, expires, signature),
        }
    }

    /// Removes uploads that never finished and are older than `age`; returns how many.
    pub async fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        match self {
            Self::Folder(store) => store.sweep(age).await,
        }
    }

    /// The digests of the objects whose text form begins with these two digits.
    pub async fn objects_under(&self, two_digits: &str) -> Result<Vec<Digest>, StoreError> {
        match self {
            Self::Folder(store) => store.objects_under(two_digits).await,
        }
    }

    /// Bytes that can still be written to the file system of the objects.
    pub async fn free_bytes(&self) -> Result<u64, StoreError> {
        match self {
            Self::Folder(store) => store.free_bytes().await,
        }
    }

    /// The holds of what this process stored and no row names yet.
    pub fn holds(&self) -> &Holds {
        match self {
            Self::Folder(store) => store.holds(),
        }
    }

    /// Where rooms and other working files may be made: on the same file system as the objects.
    pub fn scratch(&self) -> PathBuf {
        match self {
            Self::Folder(store) => store.scratch(),
        }
    }
}

#[cfg(test)]
mod tests;
