//! Changing a header where it lies, such that a crash leaves the old one or the new one.
//!
//! Both are first written to a journal beside the file. Whoever changes the file next finishes what a crash has left
//! there, if the journal is this file's: of its inode and size, and with no byte in the header that is in neither.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::MAX_HEADER_BYTES;
use crate::{Digest, open_regular};

const MAGIC: &[u8] = b"assay safetensors journal v2\n";

/// The name of a file beside this one that stands for it.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(suffix);
    file.with_file_name(name)
}

/// The journal of a file: beside it.
pub(super) fn path_of(file: &Path) -> PathBuf {
    beside(file, ".assay-journal")
}

/// Puts `header`, of exactly the length of the one there, in its place.
pub(super) fn replace(path: &Path, file: &File, header: &[u8]) -> io::Result<()> {
    let journal = path_of(path);
    let mut old = vec![0; header.len()];
    file.read_exact_at(&mut old, 8)?;
    // A new file: whatever lies there already, a link for instance, is not written into.
    let mut written = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&journal)?;
    written.write_all(&content(file, &old, header)?)?;
    written.sync_all()?;
    sync_folder(path)?;
    file.write_all_at(header, 8)?;
    file.sync_data()?;
    fs::remove_file(&journal)
}

/// What a journal holds: SHA-256 of the rest, inode and size of the file, the header that was and the one to be.
pub(super) fn content(file: &File, old: &[u8], new: &[u8]) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    let (inode, size) = (metadata.ino().to_le_bytes(), metadata.len().to_le_bytes());
    let rest = [&inode, &size, old, new].concat();
    Ok([MAGIC, Digest::of(&rest).as_bytes(), &rest].concat())
}

/// Finishes a change that a crash broke off. The file is open for writing.
pub(super) fn recover(path: &Path, file: &File) -> io::Result<()> {
    let journal = path_of(path);
    let named = |error: io::Error| {
        let text = format!("{}: {error}; remove it", journal.display());
        io::Error::new(error.kind(), text)
    };
    let opened = match open_regular(&journal) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(named(error)),
    };
    // One byte more than there can be, so that a longer one is not taken for whole.
    let longest = (MAGIC.len() + 32 + 16 + 1) as u64 + 2 * MAX_HEADER_BYTES;
    let mut bytes = Vec::new();
    opened.take(longest).read_to_end(&mut bytes)?;
    let whole = bytes
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.split_at_checked(32))
        .filter(|(digest, rest)| Digest::of(rest).as_bytes() == digest);
    if let Some((_, rest)) = whole {
        let new = header_of(file, rest)?
            .ok_or_else(|| named(io::Error::other("it is the journal of another file")))?;
        file.write_all_at(new, 8)?;
        file.sync_data()?;
    }
    // One that is not whole was never begun to be used: the file has its old header.
    fs::remove_file(&journal)
}

/// The new header, if the journal is of this file and the file has the old one, the new one, or a part of each.
fn header_of<'a>(file: &File, rest: &'a [u8]) -> io::Result<Option<&'a [u8]>> {
    let metadata = file.metadata()?;
    let identity = [metadata.ino().to_le_bytes(), metadata.len().to_le_bytes()].concat();
    let Some(headers) = rest.strip_prefix(identity.as_slice()) else {
        return Ok(None);
    };
    let (old, new) = headers.split_at(headers.len() / 2);
    let mut length = [0; 8];
    let mut there = vec![0; new.len()];
    let read = file.read_exact_at(&mut length, 0);
    let read = read.and_then(|()| file.read_exact_at(&mut there, 8));
    let mut bytes = there.iter().zip(old.iter().zip(new));
    let known = bytes.all(|(byte, (old, new))| byte == old || byte == new);
    let fits = old.len() == new.len() && u64::from_le_bytes(length) == new.len() as u64;
    Ok((read.is_ok() && known && fits).then_some(new))
}

/// Makes the names in the file's folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
