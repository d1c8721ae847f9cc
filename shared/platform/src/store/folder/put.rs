//! Writing objects: from memory, from an open file, from a stream that has ended.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write as _},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use assay_attest::{Digest, Hasher};
use uuid::Uuid;

use super::{CHUNK, Folder, blocking};
use crate::store::{StoreError, Stored};

/// A file in `uploads/` and the digest of what was written to it.
#[derive(Debug)]
pub(super) struct Draft {
    path: DraftPath,
    file: File,
    hasher: Hasher,
}

/// A path in `uploads/`. The file there is removed when this is dropped.
#[derive(Debug)]
struct DraftPath(PathBuf);

impl Drop for DraftPath {
    fn drop(&mut self) {
        // Gone already when it became an object; what cannot be removed is swept at the next start.
        let _ = fs::remove_file(&self.0);
    }
}

impl Draft {
    /// Makes an empty one.
    pub(super) fn create(store: &Folder) -> io::Result<Self> {
        let name = Uuid::new_v4().simple().to_string();
        let path = DraftPath(store.0.uploads.join(name));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path.0)?;
        Ok(Self {
            path,
            file,
            hasher: Hasher::new(),
        })
    }

    /// Appends.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }

    /// Appends all that a reader gives.
    fn copy(&mut self, mut from: impl Read) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.write(buffer.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes it an object.
    pub(super) fn commit(self, store: &Folder) -> Result<Stored, StoreError> {
        let (digest, bytes) = self.hasher.finish();
        place(store, &self.path.0, self.file, Stored { digest, bytes })
    }
}

/// Gives a written file its object's name, unless there is such an object, and sends it on its way to the disk.
///
/// The name may come before the bytes have reached the disk, because no row does ([`crate::store::Holds::durable`]):
/// what the power takes away in between is an object that no row names, and the next start removes it.
fn place(store: &Folder, from: &Path, file: File, stored: Stored) -> Result<Stored, StoreError> {
    let to = store.path(stored.digest);
    file.set_permissions(Permissions::from_mode(0o444))?;
    store.0.holds.place(stored.digest, || {
        // An object of another size is damaged, and these are its right bytes.
        if is_object(&to, stored.bytes) {
            fs::remove_file(from)?;
            return Ok(None);
        }
        fs::rename(from, &to)?;
        Ok(Some(tokio::task::spawn_blocking(move || {
            file.sync_all()?;
            to.parent()
                .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        })))
    })?;
    Ok(stored)
}

/// Whether an object of this size lies there.
fn is_object(path: &Path, bytes: u64) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == bytes)
}

impl Folder {
    pub(in crate::store) async fn put_bytes(&self, data: Vec<u8>) -> Result<Stored, StoreError> {
        let store = self.clone();
        blocking(move || {
            let stored = Stored {
                digest: Digest::of(&data),
                bytes: data.len() as u64,
            };
            if store.keep(stored) {
                return Ok(stored);
            }
            let mut draft = Draft::create(&store)?;
            draft.write(&data)?;
            draft.commit(&store)
        })
        .await
    }

    /// Holds an object that is there already; `false` when it is not.
    fn keep(&self, stored: Stored) -> bool {
        self.0.holds.take(stored.digest);
        let there = is_object(&self.path(stored.digest), stored.bytes);
        if !there {
            self.0.holds.settle(stored.digest);
        }
        there
    }

    pub(in crate::store) async fn put_open_file(&self, file: File) -> Result<Stored, StoreError> {
        let store = self.clone();
        blocking(move || store.copy_in(file)).await
    }

    fn copy_in(&self, file: File) -> Result<Stored, StoreError> {
        if !file.metadata()?.is_file() {
            let refused = io::Error::new(io::ErrorKind::InvalidInput, "not a plain file");
            return Err(refused.into());
        }
        let mut draft = Draft::create(self)?;
        draft.copy(file)?;
        draft.commit(self)
    }
}
