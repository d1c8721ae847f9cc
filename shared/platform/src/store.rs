//! The store: bytes once, by digest. Paths of a job are an index over it, kept in the database.

mod config;
mod error;
pub mod folder;
mod links;
mod reader;
mod reports;
pub mod s3;
mod upload;

use std::{
    fs::File,
    io,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use assay_attest::Digest;

use reader::Reading;
use upload::Writing;

pub use crate::holds::Holds;
pub use config::StoreConfig;
pub use error::StoreError;
pub use links::{LinkKey, attachment};
pub use reader::ObjectReader;
pub use reports::ReportBucket;
pub use upload::Upload;

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
    /// A bucket of an S3 server.
    S3(s3::S3),
}

/// What stores an object holds it, too, as [`Upload::finish`] says. Every method fails with [`StoreError::Io`] when
/// the disk does, with [`StoreError::Remote`] when the server does (passing trouble has been waited for by then), and
/// with [`StoreError::Missing`] when it is asked for an object that is not there.
impl Store {
    /// Whether the store can be used: the server reached, with this account, and its bucket used. `reports`: those of
    /// the scan reports, too. Absent buckets are made if the settings say so.
    ///
    /// # Errors
    /// [`StoreError::Remote`] and [`StoreError::Settings`] say what to do.
    pub async fn check(&self, reports: bool) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => self.answers().await,
            Self::S3(store) => Box::pin(store.check(reports)).await,
        }
    }

    /// Makes the buckets that are absent, for an account that may: once, before services start. A folder needs none.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::S3(store) => Box::pin(store.make_buckets()).await,
        }
    }

    /// Whether the store answers now; asked once.
    pub async fn answers(&self) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => self.free_bytes().await.map(drop),
            Self::S3(store) => Box::pin(store.answers()).await,
        }
    }

    /// Begins an upload of at most `limit` bytes.
    pub async fn upload(&self, limit: u64) -> Result<Upload, StoreError> {
        Ok(Upload::of(match self {
            Self::Folder(store) => Writing::Folder(store.upload(limit)),
            Self::S3(store) => Writing::S3(Box::new(store.upload(limit))),
        }))
    }

    /// Stores bytes that are in memory.
    pub async fn put_bytes(&self, data: &[u8]) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(store) => store.put_bytes(data.to_vec()).await,
            Self::S3(store) => Box::pin(store.put_bytes(data.to_vec(), s3::Lock::Free)).await,
        }
    }

    /// Stores bytes that are in memory and are a proof: a server keeps them for `store.lock_proofs_days` against
    /// everybody, itself included (object lock, mode COMPLIANCE).
    pub async fn put_proof(&self, data: &[u8]) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(store) => store.put_bytes(data.to_vec()).await,
            Self::S3(store) => Box::pin(store.put_bytes(data.to_vec(), s3::Lock::Proof)).await,
        }
    }

    /// Stores what an open file holds from where it stands, hashing it once on the way in. What is no plain file is refused.
    pub async fn put_open_file(&self, file: File) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(store) => store.put_open_file(file).await,
            Self::S3(store) => Box::pin(store.put_open_file(file)).await,
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
            Self::S3(store) => Box::pin(store.fetch(digest, to)).await,
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
                Ok((ObjectReader::of(Reading::Folder(reader)), bytes))
            }
            Self::S3(store) => {
                let (reader, bytes) = Box::pin(store.reader(digest, range)).await?;
                Ok((ObjectReader::of(Reading::S3(Box::new(reader))), bytes))
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
            Self::S3(store) => Box::pin(store.read(digest, limit)).await,
        }
    }

    /// Hashes an object anew: is what lies there what its name says?
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub async fn verify(&self, digest: Digest) -> Result<Stored, StoreError> {
        match self {
            Self::Folder(store) => store.verify(digest).await,
            Self::S3(store) => Box::pin(store.verify(digest)).await,
        }
    }

    /// Removes an object, whoever names or holds it; [`crate::Platform::release`] is the careful way. One that is not
    /// there is no error.
    pub async fn remove(&self, digest: Digest) -> Result<(), StoreError> {
        match self {
            Self::Folder(store) => store.remove(digest).await,
            Self::S3(store) => Box::pin(store.remove(digest)).await,
        }
    }

    /// A signed link that gives these bytes under this file name until `ttl` has passed.
    ///
    /// Absolute where people reach the server that keeps the bytes (`store.public_endpoint`); otherwise a path with
    /// query, for the API to serve (`/download/{digest}?name=…&expires=…&signature=…`). `expires` is in seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError::Settings`] when the server's way of signing does not allow such a `ttl`.
    pub async fn signed_url(
        &self,
        digest: Digest,
        name: &str,
        ttl: Duration,
    ) -> Result<String, StoreError> {
        if let Self::S3(store) = self
            && let Some(url) = store.signed_url(digest, name, ttl).await?
        {
            return Ok(url);
        }
        Ok(self.links().sign(digest, name, ttl))
    }

    /// Whether a signed link is ours and has not expired.
    pub fn check_signed_url(
        &self,
        digest: Digest,
        name: &str,
        expires: i64,
        signature: &str,
    ) -> bool {
        self.links().check(digest, name, expires, signature)
    }

    fn links(&self) -> &LinkKey {
        match self {
            Self::Folder(store) => store.links(),
            Self::S3(store) => store.links(),
        }
    }

    /// Removes uploads that never finished and are older than `age`; returns how many. On a server other processes
    /// upload, too: `age` must be more than any upload takes.
    pub async fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        match self {
            Self::Folder(store) => store.sweep(age).await,
            Self::S3(store) => Box::pin(store.sweep(age)).await,
        }
    }

    /// The digests of the objects whose text form begins with these two digits.
    pub async fn objects_under(&self, two_digits: &str) -> Result<Vec<Digest>, StoreError> {
        match self {
            Self::Folder(store) => store.objects_under(two_digits).await,
            Self::S3(store) => Box::pin(store.objects_under(two_digits)).await,
        }
    }

    /// Bytes that can still be written to the local disk: of the objects, where they are in a folder, and of the rooms.
    pub async fn free_bytes(&self) -> Result<u64, StoreError> {
        let folder = self.scratch();
        let free = tokio::task::spawn_blocking(move || free_bytes(&folder));
        Ok(free.await.map_err(|_| StoreError::Stopped)??)
    }

    /// The holds of what this process stored and no row names yet.
    pub fn holds(&self) -> &Holds {
        match self {
            Self::Folder(store) => store.holds(),
            Self::S3(store) => store.holds(),
        }
    }

    /// Where rooms and other working files may be made: on the local disk, where the folder's objects are, too.
    pub fn scratch(&self) -> PathBuf {
        match self {
            Self::Folder(store) => store.scratch(),
            Self::S3(store) => store.scratch(),
        }
    }
}

/// Bytes that can still be written to the file system of a folder.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let system = nix::sys::statvfs::statvfs(folder)?;
    Ok(system
        .blocks_available()
        .saturating_mul(system.fragment_size()))
}

/// Whether bytes are those that were asked for.
fn expect(expected: Digest, (digest, bytes): (Digest, u64)) -> Result<Stored, StoreError> {
    if digest != expected {
        return Err(StoreError::Corrupt {
            expected,
            found: digest,
        });
    }
    Ok(Stored { digest, bytes })
}

#[cfg(test)]
mod tests;
