use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{
    SafetensorsError,
    beside::{is_at, remove_left},
    journal,
};

/// How long a change waits for another one of the same file.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Opens a file to be changed by nobody else, after finishing or removing what a killed run has left.
pub(super) fn open_to_change(path: &Path) -> Result<File, SafetensorsError> {
    if fs::symlink_metadata(path)?.is_symlink() {
        // A change would replace the link, or something in another folder.
        let leads = fs::canonicalize(path)?;
        return Err(SafetensorsError::Link(leads));
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let file = File::options()
            .read(true)
            .write(true)
            // A pipe must not be waited for.
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)?;
        if !file.metadata()?.is_file() {
            return Err(SafetensorsError::Header("it is no plain file".to_owned()));
        }
        lock(&file, path, until)?;
        // Whoever held the lock may have put a copy in the file's place: a change of the old one would be lost.
        if is_at(&file, path)? {
            journal::recover(path, &file)?;
            remove_left(path)?;
            return Ok(file);
        }
    }
}

/// Takes the lock of a file, if it can be had in time.
pub(super) fn lock(file: &File, path: &Path, until: Instant) -> Result<(), SafetensorsError> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                return Err(SafetensorsError::Locked(path.to_owned()));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
}
