use bytes::Bytes;

use super::{StoreError, Stored, folder, s3};

/// An upload that is being written: hashed while it streams, invisible until [`Upload::finish`], gone when dropped.
#[derive(Debug)]
pub struct Upload(Writing);

#[derive(Debug)]
pub(super) enum Writing {
    Folder(folder::Upload),
    S3(Box<s3::Upload>),
}

impl Upload {
    pub(super) fn of(writing: Writing) -> Self {
        Self(writing)
    }

    /// Appends a chunk.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] past the limit; the upload is of no use then.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        match &mut self.0 {
            Writing::Folder(upload) => upload.write(&chunk).await,
            Writing::S3(upload) => Box::pin(upload.write(chunk)).await,
        }
    }

    /// Gives it its name, the digest.
    ///
    /// In a folder: by an atomic rename; it is sent on its way to the disk (fsync) and held until an artifact's row names
    /// it or [`crate::Platform::release`] gives it back. The database commits such a row only when the object has
    /// reached the disk. An object that is there already is kept.
    ///
    /// On a server: by one request, also where the object lies already, so that its age counts from now; the collector
    /// leaves it alone for `store.keep_unnamed_hours`.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Remote`]; nothing of the upload is left then, or it is swept later.
    pub async fn finish(self) -> Result<Stored, StoreError> {
        match self.0 {
            Writing::Folder(upload) => upload.finish().await,
            Writing::S3(upload) => Box::pin(upload.finish()).await,
        }
    }
}
