//! Small files with care: who may read them, and that they are whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    keys::KeyError,
    owned::{check_folder, open_plain},
    store::folder::private_folder,
};

/// Bytes of a file here at most.
const MOST: u64 = 4 << 20;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::keys) enum Access {
    Owner,
    All,
}

pub(super) fn error(path: &Path, reason: String) -> KeyError {
    KeyError::File {
        path: path.display().to_string(),
        reason,
    }
}

pub(in crate::keys) fn file_error<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> KeyError {
    move |reason| error(path, reason.to_string())
}

/// Makes the folder, for its owner only; one that exists must be closed to others.
pub(super) fn make(dir: &Path) -> Result<(), KeyError> {
    private_folder(dir).map_err(file_error(dir))?;
    let mode = fs::metadata(dir).map_err(file_error(dir))?.mode();
    if mode & 0o077 != 0 {
        return Err(error(
            dir,
            format!(
                "has mode {:04o}; keys need a folder of mode 0700",
                mode & 0o7777
            ),
        ));
    }
    Ok(())
}

/// Refuses a folder in which others can replace files.
pub(in crate::keys) fn check(dir: &Path) -> Result<(), KeyError> {
    check_folder(dir).map_err(file_error(dir))
}

/// Writes a file that does not exist yet; it is whole and on the disk when this returns.
pub(in crate::keys) fn create(path: &Path, bytes: &[u8], access: Access) -> Result<(), KeyError> {
    let draft = write_draft(path, bytes, access).map_err(file_error(path))?;
    // A link, unlike a rename, does not replace what has come into being meanwhile.
    let linked = fs::hard_link(&draft, path).and_then(|()| sync_folder(path));
    let removed = fs::remove_file(&draft);
    linked.and(removed).map_err(file_error(path))
}

/// Writes a file that everybody may read in the place of an older one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let draft = write_draft(path, bytes, Access::All).map_err(file_error(path))?;
    fs::rename(&draft, path)
        .and_then(|()| sync_folder(path))
        .map_err(file_error(path))
}

fn write_draft(path: &Path, bytes: &[u8], access: Access) -> io::Result<std::path::PathBuf> {
    let draft = path.with_file_name(format!(".draft-{}", Uuid::new_v4().simple()));
    let mode = match access {
        Access::Owner => 0o600,
        Access::All => 0o644,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(draft)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
        _ => sync(Path::new(".")),
    }
}

/// Waits until names in the folder are on the disk.
pub(in crate::keys) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Reads a key. A file that others can read is refused: the key in it may not be ours alone any more.
pub(in crate::keys) fn read_secret(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let file = open_plain(path).map_err(file_error(path))?;
    let meta = file.metadata().map_err(file_error(path))?;
    if meta.mode() & 0o077 != 0 {
        return Err(error(
            path,
            format!(
                "has mode {:04o}, so others can reach this private key; expected 0600. If nobody did, `chmod 600` it",
                meta.mode() & 0o7777
            ),
        ));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MOST)
        .read_to_string(&mut text)
        .map_err(file_error(path))?;
    Ok(text)
}

pub(super) fn read_public(path: &Path) -> Result<Vec<u8>, KeyError> {
    let mut bytes = Vec::new();
    open_plain(path)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(file_error(path))?;
    if bytes.len() as u64 > MOST {
        return Err(error(path, format!("has more than {MOST} bytes")));
    }
    Ok(bytes)
}
