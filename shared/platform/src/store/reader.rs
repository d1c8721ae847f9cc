use bytes::Bytes;

use super::{StoreError, folder, s3};

/// Reads one object from a start to an end, in chunks.
#[derive(Debug)]
pub struct ObjectReader(Reading);

#[derive(Debug)]
pub(super) enum Reading {
    Folder(folder::Reader),
    S3(Box<s3::Reader>),
}

impl ObjectReader {
    pub(super) fn of(reading: Reading) -> Self {
        Self(reading)
    }

    /// The next chunk (≤ 256 KiB); `None` at the end.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] in place of the last chunk of a whole object that is not what its digest says.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        match &mut self.0 {
            Reading::Folder(reader) => reader.next().await,
            Reading::S3(reader) => Box::pin(reader.next()).await,
        }
    }
}
