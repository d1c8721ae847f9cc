use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use crate::{Digest, open_regular};

/// Bytes of a file's name that are kept in the names beside it: file systems end at 255.
const MAX_NAME_BYTES: usize = 200;

/// The name beside a file for what belongs to it: `.NAME.KIND`. Of a long name, its digest stands there.
pub(super) fn beside(file: &Path, kind: &str) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    let mut hidden = OsString::from(".");
    if name.len() > MAX_NAME_BYTES {
        hidden.push(Digest::of(name.as_bytes()).to_string());
    } else {
        // Not as text: two names that are not UTF-8 must stay two.
        hidden.push(name);
    }
    hidden.push(".");
    hidden.push(kind);
    file.with_file_name(hidden)
}

/// Whether the path still leads to this open file.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (opened, there) = (file.metadata()?, fs::symlink_metadata(path)?);
    Ok((opened.dev(), opened.ino()) == (there.dev(), there.ino()))
}

/// A file that is being written beside the one that it becomes, and locked meanwhile. One without a lock was left by
/// a run that was killed.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    target: PathBuf,
    pub(super) file: File,
}

impl Unfinished {
    /// Begins a file; what a killed run left under its name is removed.
    pub(super) fn create(target: &Path, mode: u32) -> io::Result<Self> {
        remove_left(target)?;
        let path = beside(target, "assay-new");
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)?;
        file.try_lock().map_err(|error| busy(&path, error))?;
        let unfinished = Self {
            path,
            target: target.to_owned(),
            file,
        };
        unfinished.check()?;
        Ok(unfinished)
    }

    /// Gives it the target's name, in place of what has it.
    pub(super) fn replace(self) -> io::Result<()> {
        self.finish(|from, to| fs::rename(from, to))
    }

    /// Gives it the target's name if nothing has it.
    pub(super) fn link_new(self) -> io::Result<()> {
        self.finish(|from, to| match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            // A file system without second names: the name is taken first.
            Err(_) => File::create_new(to).and_then(|_| fs::rename(from, to)),
        })
    }

    fn finish(self, name: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
        self.file.sync_all()?;
        self.check()?;
        name(&self.path, &self.target)?;
        sync_folder(&self.target)
    }

    /// Another run that took this one for killed would have removed it between its making and its lock.
    fn check(&self) -> io::Result<()> {
        if is_at(&self.file, &self.path)? {
            Ok(())
        } else {
            let text = format!("{}: it was replaced meanwhile", self.path.display());
            Err(io::Error::other(text))
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it has its name, nothing is there any more.
        if is_at(&self.file, &self.path).unwrap_or(false) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what a killed run left of a file that was to become `target`.
pub(super) fn remove_left(target: &Path) -> io::Result<()> {
    let path = beside(target, "assay-new");
    match open_regular(&path) {
        Ok(left) => left.try_lock().map_err(|error| busy(&path, error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let text = format!("{}: {error}; remove it", path.display());
            return Err(io::Error::new(error.kind(), text));
        }
    }
    fs::remove_file(&path)
}

fn busy(path: &Path, error: TryLockError) -> io::Error {
    match error {
        TryLockError::Error(error) => error,
        TryLockError::WouldBlock => {
            let text = format!("{}: another run is writing it", path.display());
            io::Error::new(io::ErrorKind::WouldBlock, text)
        }
    }
}

/// Makes the names in the file's folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
