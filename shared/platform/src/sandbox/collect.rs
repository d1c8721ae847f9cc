use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use super::Limits;

/// A regular file that a run left in its output folder, opened for reading.
#[derive(Debug)]
pub struct FileEntry {
    /// Its name within the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The very file that was checked; nothing that later takes its name can stand in for it.
    pub file: File,
}

/// Why the contents of an output folder are refused.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Something there is not a plain file.
    #[error("the output {name:?} is {what}; only plain files are taken")]
    NotAFile {
        /// Its name.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// More than the limits allow.
    #[error("the output is over its limit of {limit} {unit}")]
    TooMuch {
        /// The limit.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// The folder or a file in it cannot be read.
    #[error("the output folder cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Opens every file of an output folder, sorted by name. Refuses links, folders, devices, pipes, sockets,
/// files with a second name elsewhere, names that are not UTF-8, and more than `limits` allow.
///
/// # Errors
/// [`CollectError`]; nothing is taken then.
pub fn collect(output: &Path, limits: &Limits) -> Result<Vec<FileEntry>, CollectError> {
    let mut entries = Vec::new();
    let mut total = 0_u64;
    for entry in fs::read_dir(output)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(CollectError::NotAFile {
                name: entry.file_name().to_string_lossy().into_owned(),
                what: "named in something other than UTF-8",
            });
        };
        let found = open_plain(&entry.path(), name)?;
        total = total.saturating_add(found.bytes);
        if total > limits.output_bytes {
            return Err(CollectError::TooMuch {
                limit: limits.output_bytes,
                unit: "bytes",
            });
        }
        entries.push(found);
        if entries.len() as u64 > limits.output_files {
            return Err(CollectError::TooMuch {
                limit: limits.output_files,
                unit: "files",
            });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Opens one file of an output folder, also while the trainer runs; by the rules of [`collect`]. `None` when there is no
/// such file.
///
/// # Errors
/// [`CollectError`].
pub fn collect_one(output: &Path, name: &str) -> Result<Option<FileEntry>, CollectError> {
    match open_plain(&output.join(name), name.to_owned()) {
        Err(CollectError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn open_plain(path: &Path, name: String) -> Result<FileEntry, CollectError> {
    let refuse = |name, what| Err(CollectError::NotAFile { name, what });
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_symlink() {
        return refuse(name, "a symbolic link");
    }
    if kind.is_dir() {
        return refuse(name, "a folder");
    }
    if !kind.is_file() {
        return refuse(name, "a device, pipe or socket");
    }
    // The name could have been given to something else since: what was opened is looked at again.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let opened = file.metadata()?;
    if !opened.is_file() {
        return refuse(name, "no longer the file that it was");
    }
    if opened.nlink() != 1 {
        return refuse(name, "a file with a second name");
    }
    Ok(FileEntry {
        name,
        bytes: opened.len(),
        file,
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn refused(make: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path());
        collect(folder.path(), &Limits::default())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn takes_plain_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "two").unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        let found = collect(folder.path(), &Limits::default()).unwrap();
        let seen: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.bytes)).collect();
        assert_eq!(seen, [("a", 1), ("b", 3)]);
    }

    #[test]
    fn takes_one_file_by_the_same_rules() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        symlink("a", folder.path().join("link")).unwrap();
        let found = collect_one(folder.path(), "a").unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.bytes), ("a", 1));
        assert!(collect_one(folder.path(), "absent").unwrap().is_none());
        assert!(collect_one(folder.path(), "link").is_err());
    }

    #[test]
    fn refuses_everything_else() {
        let link = refused(|f| symlink("/etc/passwd", f.join("x")).unwrap());
        assert!(link.contains("symbolic link"), "{link}");
        let folder = refused(|f| fs::create_dir(f.join("x")).unwrap());
        assert!(folder.contains("folder"), "{folder}");
        let pipe = refused(|f| {
            nix::unistd::mkfifo(&f.join("x"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        });
        assert!(pipe.contains("pipe"), "{pipe}");
        let twice = refused(|f| {
            fs::write(f.join("x"), "").unwrap();
            fs::hard_link(f.join("x"), f.join("y")).unwrap();
        });
        assert!(twice.contains("second name"), "{twice}");
    }

    #[test]
    fn refuses_more_than_the_limits() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "12345").unwrap();
        fs::write(folder.path().join("b"), "12345").unwrap();
        let bytes = Limits {
            output_bytes: 9,
            ..Limits::default()
        };
        assert!(matches!(
            collect(folder.path(), &bytes),
            Err(CollectError::TooMuch { unit: "bytes", .. })
        ));
        let files = Limits {
            output_files: 1,
            ..Limits::default()
        };
        assert!(matches!(
            collect(folder.path(), &files),
            Err(CollectError::TooMuch { unit: "files", .. })
        ));
    }
}
