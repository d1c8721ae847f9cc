use std::{
    fs::{self, File, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::super::{ModelSigningError, ResourcePath};
use crate::regular::{open_followed, open_regular};

/// Folders within folders at most.
const MAX_DEPTH: usize = 64;

/// A file that belongs to a model, as it was when the model was looked at.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) resource: ResourcePath,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) stamp: Stamp,
    follow: bool,
}

/// What tells whether a file is still the one that was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) modified: (i64, i64),
    /// When content or attributes changed: unlike the time of modification, no program can set it.
    pub(super) changed: (i64, i64),
    pub(super) looked_at: SystemTime,
}

impl Found {
    fn new(resource: ResourcePath, path: PathBuf, metadata: &Metadata, follow: bool) -> Self {
        let stamp = Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            looked_at: SystemTime::now(),
        };
        Self {
            resource,
            path,
            bytes: metadata.len(),
            stamp,
            follow,
        }
    }

    /// Opens the very file that was found, not a link that took its place.
    pub(super) fn open(&self) -> Result<File, ModelSigningError> {
        let open = if self.follow {
            open_followed
        } else {
            open_regular
        };
        let file = open(&self.path).map_err(|error| io(&self.path, error))?;
        let now = file.metadata().map_err(|error| io(&self.path, error))?;
        if self.follow || (now.dev(), now.ino()) == (self.stamp.device, self.stamp.inode) {
            Ok(file)
        } else {
            Err(io(
                &self.path,
                std::io::Error::other("it was replaced while it was looked at"),
            ))
        }
    }
}

/// All files of a model, in no special order.
pub(super) fn files(
    model: &Path,
    ignored: &[String],
    follow: bool,
) -> Result<Vec<Found>, ModelSigningError> {
    let metadata = look(model, follow)?;
    let mut found = Vec::new();
    if metadata.is_file() {
        found.push(Found::new(
            ResourcePath::only_file(),
            model.to_owned(),
            &metadata,
            follow,
        ));
    } else {
        let walk = Walk {
            root: model,
            ignored,
            follow,
        };
        walk.folder(model, 0, &mut found)?;
    }
    Ok(found)
}

struct Walk<'a> {
    root: &'a Path,
    ignored: &'a [String],
    follow: bool,
}

impl Walk<'_> {
    fn folder(
        &self,
        folder: &Path,
        depth: usize,
        found: &mut Vec<Found>,
    ) -> Result<(), ModelSigningError> {
        if depth > MAX_DEPTH {
            return Err(kind(
                folder,
                "nested deeper than 64 folders; a link may lead back to where it is",
            ));
        }
        for entry in fs::read_dir(folder).map_err(|error| io(folder, error))? {
            let path = entry.map_err(|error| io(folder, error))?.path();
            let relative = path.strip_prefix(self.root).unwrap_or(&path);
            let name = relative
                .to_str()
                .ok_or_else(|| kind(&path, "no file of a signed model: its name is not UTF-8"))?;
            // Before it is looked at: what is left out may be anything. The reference refuses links there, too.
            let resource = ResourcePath::new(name)?;
            if self.ignored.iter().any(|one| resource.is_within(one)) {
                continue;
            }
            let metadata = look(&path, self.follow)?;
            if metadata.is_dir() {
                self.folder(&path, depth + 1, found)?;
            } else {
                found.push(Found::new(resource, path, &metadata, self.follow));
            }
        }
        Ok(())
    }
}

/// What lies there: a file or a folder, or an error.
fn look(path: &Path, follow: bool) -> Result<Metadata, ModelSigningError> {
    let metadata = if follow {
        fs::metadata(path)
    } else {
        fs::symlink_metadata(path)
    };
    let metadata = metadata.map_err(|error| io(path, error))?;
    if metadata.is_symlink() {
        Err(kind(
            path,
            "a symbolic link; --allow-symlinks signs what it leads to",
        ))
    } else if metadata.is_file() || metadata.is_dir() {
        Ok(metadata)
    } else {
        Err(kind(path, "neither a file nor a folder"))
    }
}

fn kind(path: &Path, what: &'static str) -> ModelSigningError {
    ModelSigningError::Kind {
        path: path.display().to_string(),
        what,
    }
}

pub(super) fn io(path: &Path, error: std::io::Error) -> ModelSigningError {
    ModelSigningError::Io {
        path: path.display().to_string(),
        error,
    }
}
