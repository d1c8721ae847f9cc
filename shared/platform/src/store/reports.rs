use super::{Store, StoreError};

/// Bytes of a report's name at most.
const LONGEST_NAME: usize = 200;

/// Which reports: the bucket that they are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportBucket {
    /// On worker and trainer images.
    Worker,
    /// On all other images.
    Scanner,
}

/// Scan reports are kept under names, as `<image digest>/<time>.json`, not by digest: people look for them there.
/// A name has parts of letters, digits and `.-_:`, divided by `/`.
impl Store {
    /// Writes a report; one of the same name is replaced.
    ///
    /// # Errors
    /// [`StoreError::Settings`] for a name that is none; otherwise as all of [`Store`].
    pub async fn put_scan(
        &self,
        bucket: ReportBucket,
        name: &str,
        data: Vec<u8>,
    ) -> Result<(), StoreError> {
        check_name(name)?;
        match self {
            Self::Folder(store) => store.put_scan(bucket, name, data).await,
            Self::S3(store) => Box::pin(store.put_scan(bucket, name, data)).await,
        }
    }

    /// Reads a report of at most `limit` bytes.
    ///
    /// # Errors
    /// [`StoreError::NoReport`] and [`StoreError::TooLarge`]; otherwise as all of [`Store`].
    pub async fn scan(
        &self,
        bucket: ReportBucket,
        name: &str,
        limit: u64,
    ) -> Result<Vec<u8>, StoreError> {
        check_name(name)?;
        match self {
            Self::Folder(store) => store.scan(bucket, name, limit).await,
            Self::S3(store) => Box::pin(store.scan(bucket, name, limit)).await,
        }
    }

    /// The names of all reports on one image, or of all reports when `image` is empty; in order of name. Which is the
    /// newest, the database says.
    ///
    /// # Errors
    /// As [`Store::put_scan`].
    pub async fn scans(
        &self,
        bucket: ReportBucket,
        image: &str,
    ) -> Result<Vec<String>, StoreError> {
        let prefix = if image.is_empty() {
            String::new()
        } else {
            check_name(image)?;
            format!("{image}/")
        };
        match self {
            Self::Folder(store) => store.scans(bucket, &prefix).await,
            Self::S3(store) => Box::pin(store.scans(bucket, &prefix)).await,
        }
    }
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let part = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_:+".contains(&b);
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
    };
    if name.len() <= LONGEST_NAME && name.split('/').all(part) {
        return Ok(());
    }
    Err(StoreError::Settings(format!(
        "{name:?} is no name of a scan report"
    )))
}
