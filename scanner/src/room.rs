use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use uuid::Uuid;

/// What the name of every such folder begins with.
const PREFIX: &str = "scan-";

/// Removes the folders that scans of an earlier process have left; gives their number. No scan may run in `rooms`.
pub(crate) fn sweep(rooms: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(rooms) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // A symbolic link is no folder here: what it leads to is not ours.
        if is_ours && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// A folder for one scan; removed with everything in it when dropped.
#[derive(Debug)]
pub(crate) struct Room(PathBuf);

impl Room {
    /// A new one below `rooms`, which is made when absent.
    pub(crate) fn create(rooms: &Path) -> io::Result<Self> {
        fs::create_dir_all(rooms)?;
        let path = rooms.join(format!("{PREFIX}{}", Uuid::new_v4().simple()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_scan_left_is_swept_and_nothing_else() {
        let base = tempfile::tempdir().unwrap();
        let rooms = base.path().join("rooms");
        assert_eq!(sweep(&rooms).unwrap(), 0);
        let killed = Room::create(&rooms).unwrap();
        fs::write(killed.file("image.tar"), "half").unwrap();
        std::mem::forget(killed);
        fs::create_dir(rooms.join("room-1")).unwrap();
        fs::write(rooms.join("scan-notes"), "not a folder").unwrap();
        std::os::unix::fs::symlink(base.path(), rooms.join("scan-elsewhere")).unwrap();
        assert_eq!(sweep(&rooms).unwrap(), 1);
        let left: Vec<_> = fs::read_dir(&rooms).unwrap().collect();
        assert_eq!(left.len(), 3);
        assert!(base.path().is_dir());
    }
}
