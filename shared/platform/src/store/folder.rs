//! The store as a local folder: `objects/ab/<the other 62 digits>`, read-only files, and `uploads/` for what is
//! being written.

mod upload;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use assay_attest::{Digest, Hasher};
use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::{StoreError, Stored, UrlSigner};

pub use upload::Upload;

/// Read at a time.
const CHUNK: usize = 256 << 10;

/// A folder of objects named by their digests.
#[derive(Debug, Clone)]
pub struct Folder {
    root: Arc<PathBuf>,
    urls: UrlSigner,
}

impl Folder {
    /// Opens the folder, making it when absent. Uploads that a crash left behind are removed: whoever opens a
    /// folder holds it alone (see [`crate::Platform::open`]).
    ///
    /// # Errors
    /// The folder cannot be made or listed.
    pub fn open_at(root: &Path, urls: UrlSigner) -> io::Result<Self> {
        let uploads = root.join("uploads");
        if uploads.exists() {
            fs::remove_dir_all(&uploads)?;
        }
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(&uploads)?;
        // All of them at once, so that storing an object never has to make (and sync) a folder.
        for first in 0..=255_u8 {
            private.create(root.join("objects").join(hex::encode([first])))?;
        }
        Ok(Self {
            root: Arc::new(root.to_owned()),
            urls,
        })
    }

    pub(super) fn urls(&self) -> &UrlSigner {
        &self.urls
    }

    pub(super) fn upload(&self, limit: u64) -> Result<Upload, StoreError> {
        Upload::begin(self.clone(), limit)
    }

    pub(super) async fn fetch(&self, digest: Digest, to: &Path) -> Result<Stored, StoreError> {
        let mut from = self.object(digest)?;
        let to = to.to_owned();
        blocking(move || {
            let mut copy = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o444)
                .open(to)?;
            let stored = hash_through(&mut from, |chunk| copy.write_all(chunk))?;
            expect(digest, stored)
        })
        .await
    }

    pub(super) async fn verify(&self, digest: Digest) -> Result<Stored, StoreError> {
        let mut file = self.object(digest)?;
        blocking(move || expect(digest, hash_through(&mut file, |_| Ok(()))?)).await
    }

    pub(super) async fn read(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let mut file = self.object(digest)?;
        let size = file.metadata()?.len();
        if size > limit {
            return Err(StoreError::TooLarge { limit });
        }
        // Small by the caller's own word, so it is read here rather than on another thread.
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        let stored = hash_through(&mut file, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        expect(digest, stored)?;
        Ok(bytes)
    }

    pub(super) async fn open(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<(Reader, u64), StoreError> {
        let mut file = self.object(digest)?;
        let size = file.metadata()?.len();
        let range = range.unwrap_or(0..size);
        let start = range.start.min(size);
        let left = range.end.min(size).saturating_sub(start);
        file.seek(SeekFrom::Start(start))?;
        let reader = Reader {
            file: Some(file),
            left,
        };
        Ok((reader, size))
    }

    pub(super) fn remove(&self, digest: Digest) -> Result<(), StoreError> {
        match fs::remove_file(self.path(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn digests(&self) -> Result<Vec<Digest>, StoreError> {
        let mut found = Vec::new();
        for folder in fs::read_dir(self.root.join("objects"))? {
            let folder = folder?;
            for object in fs::read_dir(folder.path())? {
                let name = [folder.file_name(), object?.file_name()]
                    .map(|part| part.to_string_lossy().into_owned())
                    .concat();
                found.extend(name.parse::<Digest>());
            }
        }
        Ok(found)
    }

    fn path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        let (first, rest) = name.split_at(2);
        self.root.join("objects").join(first).join(rest)
    }

    fn object(&self, digest: Digest) -> Result<File, StoreError> {
        File::open(self.path(digest)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Missing(digest),
            _ => StoreError::Io(error),
        })
    }
}

/// Reads a range of an object.
#[derive(Debug)]
pub struct Reader {
    file: Option<File>,
    left: u64,
}

impl Reader {
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(CHUNK);
        let Some(mut file) = self.file.take().filter(|_| want > 0) else {
            return Ok(None);
        };
        let (file, chunk) = blocking(move || {
            let mut chunk = vec![0; want];
            file.read_exact(&mut chunk)?;
            Ok((file, chunk))
        })
        .await?;
        self.left -= want as u64;
        self.file = Some(file);
        Ok(Some(chunk.into()))
    }
}

/// Hashes all of `from`, handing each chunk on.
fn hash_through(
    from: &mut impl Read,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Stored> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from.read(&mut buffer)?;
        let chunk = buffer.get(..count).unwrap_or_default();
        if chunk.is_empty() {
            let (digest, bytes) = hasher.finish();
            return Ok(Stored { digest, bytes });
        }
        hasher.update(chunk);
        each(chunk)?;
    }
}

fn expect(expected: Digest, stored: Stored) -> Result<Stored, StoreError> {
    if stored.digest == expected {
        Ok(stored)
    } else {
        Err(StoreError::Corrupt {
            expected,
            found: stored.digest,
        })
    }
}

/// Runs disk work where it holds up nobody else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Io(io::Error::other(error)))?
}
