use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
};

use assay_attest::Hasher;
use bytes::{Bytes, BytesMut};
use uuid::Uuid;

use super::{CHUNK, Folder, StoreError, Stored, blocking};

/// Gathered before it goes to disk: large enough that a hand-over to another thread costs little beside hashing it.
const GATHER: usize = 1 << 20;

/// A file that is being written, hashed as it comes.
#[derive(Debug)]
pub struct Upload {
    folder: Folder,
    gathered: BytesMut,
    received: u64,
    limit: u64,
    /// Away while a thread works on it.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    hasher: Hasher,
    temporary: Temporary,
}

/// A file that is removed unless it is kept.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already when it became an object.
        let _gone = fs::remove_file(&self.0);
    }
}

impl Upload {
    pub(super) fn begin(folder: Folder, limit: u64) -> Result<Self, StoreError> {
        let path = folder.root.join("uploads").join(Uuid::new_v4().to_string());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self {
            folder,
            gathered: BytesMut::new(),
            received: 0,
            limit,
            open: Some(Open {
                file,
                hasher: Hasher::new(),
                temporary: Temporary(path),
            }),
        })
    }

    pub(in crate::store) async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.received = self.received.saturating_add(chunk.len() as u64);
        if self.received > self.limit {
            return Err(StoreError::TooLarge { limit: self.limit });
        }
        self.gathered.extend_from_slice(&chunk);
        if self.gathered.len() < GATHER {
            return Ok(());
        }
        let mut open = self.open.take().ok_or_else(broken_off)?;
        let mut block = std::mem::take(&mut self.gathered);
        let (open, block) = blocking(move || {
            open.append(&block)?;
            block.clear();
            Ok((open, block))
        })
        .await?;
        self.open = Some(open);
        // The same memory again.
        self.gathered = block;
        Ok(())
    }

    /// Takes in all of an open file and finishes.
    pub(in crate::store) async fn copy(mut self, mut from: File) -> Result<Stored, StoreError> {
        let mut open = self.open.take().ok_or_else(broken_off)?;
        let folder = self.folder.clone();
        blocking(move || {
            let mut block = vec![0; CHUNK];
            loop {
                let count = from.read(&mut block)?;
                if count == 0 {
                    return open.keep(&folder);
                }
                open.append(block.get(..count).unwrap_or_default())?;
            }
        })
        .await
    }

    pub(in crate::store) async fn finish(mut self) -> Result<Stored, StoreError> {
        let mut open = self.open.take().ok_or_else(broken_off)?;
        let rest = std::mem::take(&mut self.gathered);
        let folder = self.folder.clone();
        blocking(move || {
            open.append(&rest)?;
            open.keep(&folder)
        })
        .await
    }
}

impl Open {
    fn append(&mut self, block: &[u8]) -> io::Result<()> {
        self.hasher.update(block);
        self.file.write_all(block)
    }

    /// Durable before it is visible: the file's bytes, then its name.
    fn keep(self, folder: &Folder) -> Result<Stored, StoreError> {
        let Self {
            file,
            hasher,
            temporary,
        } = self;
        let (digest, bytes) = hasher.finish();
        let object = folder.path(digest);
        let present = fs::metadata(&object).is_ok_and(|there| there.len() == bytes);
        if !present {
            file.set_permissions(fs::Permissions::from_mode(0o444))?;
            file.sync_all()?;
            fs::rename(&temporary.0, &object)?;
            if let Some(parent) = object.parent() {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Stored { digest, bytes })
    }
}

/// A future of a write was dropped in the middle, or the write failed: what is on disk is not known.
fn broken_off() -> StoreError {
    StoreError::Io(io::Error::other("the upload was broken off"))
}
