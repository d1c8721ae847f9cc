use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// A folder for one scan; removed with everything in it when dropped.
#[derive(Debug)]
pub(crate) struct Room(PathBuf);

impl Room {
    /// A new one below `rooms`, which is made when absent.
    pub(crate) fn create(rooms: &Path) -> io::Result<Self> {
        fs::create_dir_all(rooms)?;
        let path = rooms.join(format!("scan-{}", Uuid::new_v4().simple()));
        let private = |path: &Path| DirBuilder::new().mode(0o700).create(path);
        private(&path)?;
        let room = Self(path);
        private(&room.empty())?;
        Ok(room)
    }

    /// A folder with nothing in it.
    pub(crate) fn empty(&self) -> PathBuf {
        self.0.join("empty")
    }

    /// Where a file of that name may be made.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a scan's folder could not be removed");
        }
    }
}
