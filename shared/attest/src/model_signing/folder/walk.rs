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
/// Files and folders of a model at most.
const MAX_ENTRIES: usize = 1_000_000;

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

    /// Whether an open file is this one, with the same content as far as its times tell.
    pub(super) fn is_still(&self, file: &File) -> bool {
        file.metadata().is_ok_and(|now| {
            let now = Self::new(self.resource.clone(), self.path.clone(), &now, self.follow);
            let stamp = Stamp {
                looked_at: self.stamp.looked_at,
                ..now.stamp
            };
            stamp == self.stamp && now.bytes == self.bytes
        })
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

/// What a model consists of.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// All files, in no special order.
    pub(super) files: Vec<Found>,
    /// Links to folders, whose files are no part of the model.
    pub(super) linked_folders: Vec<String>,
}

/// Looks through a model.
pub(super) fn look_through(
    model: &Path,
    ignored: &[String],
    follow: bool,
) -> Result<Model, ModelSigningError> {
    let metadata = look(model, follow)?;
    let mut walk = Walk {
        root: model,
        ignored,
        follow,
        entries: 0,
        found: Model::default(),
    };
    if metadata.is_file() {
        let only = ResourcePath::only_file();
        let file = Found::new(only, model.to_owned(), &metadata, follow);
        walk.found.files.push(file);
    } else {
        walk.folder(model, 0)?;
    }
    Ok(walk.found)
}

struct Walk<'a> {
    root: &'a Path,
    ignored: &'a [String],
    follow: bool,
    entries: usize,
    found: Model,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), ModelSigningError> {
        if depth > MAX_DEPTH {
            return Err(kind(folder, "nested deeper than 64 folders"));
        }
        for entry in fs::read_dir(folder).map_err(|error| io(folder, error))? {
            let entry = entry.map_err(|error| io(folder, error))?;
            let path = entry.path();
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(kind(folder, "in a model of more than 1,000,000 files"));
            }
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
            if !metadata.is_dir() {
                let file = Found::new(resource, path, &metadata, self.follow);
                self.found.files.push(file);
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.folder(&path, depth + 1)?;
            } else {
                // As the reference does it: files are found through links, folders are not.
                self.found.linked_folders.push(name.to_owned());
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
