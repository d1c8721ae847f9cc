//! The store: bytes once, by digest. Paths of a job are an index over it, kept in the database.

use std::{path::{Path, PathBuf}, time::Duration};

use assay_attest::Digest;
use bytes::Bytes;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or the network to it.
    #[error("store: {0}")]
    Io(#[from] std::io::Error),
    /// More bytes than the upload may have.
    #[error("more than {limit} bytes")]
    TooLarge { limit: u64 },
    /// The object's bytes are not those of its digest.
    #[error("object {expected} holds other bytes (sha256 {found})")]
    Corrupt { expected: Digest, found: Digest },
    /// There is no such object.
    #[error("no object {0}")]
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

pub mod folder;

/// An upload that is being written: hashed while it streams, invisible until [`Upload::finish`], gone when dropped.
#[derive(Debug)]
pub struct Upload {}

#[allow(unused_variables)]
impl Upload {
    /// Appends a chunk; [`StoreError::TooLarge`] past the limit.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> { todo!() }
    /// Makes it durable (fsync, atomic rename) under its digest. An object that is there already is kept.
    pub async fn finish(self) -> Result<Stored, StoreError> { todo!() }
}

/// Reads one object from a start to an end, in chunks.
#[derive(Debug)]
pub struct ObjectReader {}

impl ObjectReader {
    /// The next chunk (≤ 256 KiB); `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> { todo!() }
}

#[allow(unused_variables)]
impl Store {
    /// Begins an upload of at most `limit` bytes.
    pub async fn upload(&self, limit: u64) -> Result<Upload, StoreError> { todo!() }
    /// Stores bytes that are in memory.
    pub async fn put_bytes(&self, data: &[u8]) -> Result<Stored, StoreError> { todo!() }
    /// Stores a file, hashing it once on the way in (moved when on the same file system and `take`, else copied).
    pub async fn put_file(&self, path: &Path, take: bool) -> Result<Stored, StoreError> { todo!() }
    /// Places an object at `to` for the sandbox (hard link or copy, read-only) and checks its digest on the way: one read.
    pub async fn fetch(&self, digest: Digest, to: &Path) -> Result<Stored, StoreError> { todo!() }
    /// Opens an object for reading `range` (all when `None`); gives its whole size too.
    pub async fn open(&self, digest: Digest, range: Option<std::ops::Range<u64>>) -> Result<(ObjectReader, u64), StoreError> { todo!() }
    /// All bytes of a small object, digest checked; [`StoreError::TooLarge`] past `limit`.
    pub async fn read(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, StoreError> { todo!() }
    /// Hashes an object anew: is what lies there what its name says?
    pub async fn verify(&self, digest: Digest) -> Result<Stored, StoreError> { todo!() }
    /// Removes an object that no path names any more.
    pub async fn remove(&self, digest: Digest) -> Result<(), StoreError> { todo!() }
    /// A link that gives these bytes under this file name until `ttl` has passed: a path with query, signed, for the API to serve (`/download/{digest}?name=…&expires=…&signature=…`).
    pub fn signed_url(&self, digest: Digest, name: &str, ttl: Duration) -> String { todo!() }
    /// Whether a signed link is ours and has not expired.
    pub fn check_signed_url(&self, digest: Digest, name: &str, expires: i64, signature: &str) -> bool { todo!() }
    /// Removes uploads that never finished and are older than `age`; returns how many.
    pub async fn sweep(&self, age: Duration) -> Result<u64, StoreError> { todo!() }
    /// Where rooms and other working files may be made: on the same file system as the objects.
    pub fn scratch(&self) -> PathBuf { todo!() }
}
