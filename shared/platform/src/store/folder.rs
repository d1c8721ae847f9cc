//! The store as a local folder: `objects/ab/cdef…`, read-only, and `uploads/` for what is being written.
//!
//! An object appears under its name by one rename, whole, and is durable (file and folder synced) before the database
//! commits a row that names it.

mod put;
mod read;
mod reports;
mod upload;

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use assay_attest::Digest;

use super::{Holds, LinkKey, StoreError};

pub(super) use read::Reader;
pub(super) use upload::Upload;

/// Bytes read or written at a time.
const CHUNK: usize = 256 * 1024;

/// A folder of objects named by their digests.
#[derive(Debug, Clone)]
pub struct Folder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    objects: PathBuf,
    uploads: PathBuf,
    scans: PathBuf,
    scratch: PathBuf,
    links: LinkKey,
    holds: Holds,
}

impl Folder {
    /// Opens the store at `root`, and makes its folders (mode 0700) if they are absent. `scratch` must lie on the same
    /// file system.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(root: &Path, scratch: &Path, links: LinkKey) -> Result<Self, StoreError> {
        let inner = Inner {
            objects: root.join("objects"),
            uploads: root.join("uploads"),
            scans: root.join("scans"),
            scratch: scratch.to_owned(),
            links,
            holds: Holds::default(),
        };
        for folder in [&inner.objects, &inner.uploads, &inner.scans, &inner.scratch] {
            private_folder(folder)?;
        }
        // All of the 256 folders, once: no upload then has to make one and wait for it to reach the disk.
        for first in 0..=u8::MAX {
            let folder = inner.objects.join(hex::encode([first]));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        File::open(&inner.objects)?.sync_all()?;
        Ok(Self(Arc::new(inner)))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        let (folder, rest) = name.split_at(2);
        self.0.objects.join(folder).join(rest)
    }

    pub(super) fn links(&self) -> &LinkKey {
        &self.0.links
    }

    pub(crate) fn holds(&self) -> &Holds {
        &self.0.holds
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.0.scratch.clone()
    }

    /// Removes at once; for use under the lock of the holds.
    pub(crate) fn remove_now(&self, digest: Digest) -> io::Result<()> {
        match fs::remove_file(self.path(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) async fn remove(&self, digest: Digest) -> Result<(), StoreError> {
        let store = self.clone();
        blocking(move || Ok(store.remove_now(digest)?)).await
    }

    pub(super) async fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        let store = self.clone();
        blocking(move || {
            let now = SystemTime::now();
            let mut removed = 0;
            for entry in fs::read_dir(&store.0.uploads)? {
                let entry = entry?;
                let changed = entry.metadata().and_then(|meta| meta.modified());
                // A time in the future is a clock that was set back; such a file is as new as can be.
                let old = changed.is_ok_and(|at| now.duration_since(at).unwrap_or_default() >= age);
                if old && fs::remove_file(entry.path()).is_ok() {
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }

    pub(super) async fn objects_under(&self, two_digits: &str) -> Result<Vec<Digest>, StoreError> {
        let folder = self.0.objects.join(two_digits);
        let first = two_digits.to_owned();
        blocking(move || {
            let mut found = Vec::new();
            for entry in fs::read_dir(folder)? {
                // What has another name was put there by hand and is nobody's object.
                let name = entry?.file_name();
                let digest = name
                    .to_str()
                    .map(|rest| format!("{first}{rest}").parse::<Digest>());
                found.extend(digest.and_then(Result::ok));
            }
            found.sort_unstable();
            Ok(found)
        })
        .await
    }
}

/// Runs what waits for the disk where waiting harms nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(StoreError::Stopped),
    }
}

/// Makes a folder that only its owner can enter, and those above it.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
