//! Changing a header where it lies, such that a crash leaves the old one or the new one.
//!
//! The new header is first written to a journal beside the file. Whoever changes the file next finishes what a crash
//! has left there.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::MAX_HEADER_BYTES;
use crate::{Digest, open_regular};

const MAGIC: &[u8] = b"assay safetensors journal v1\n";

/// The journal of a file: beside it.
pub(super) fn path_of(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.assay-journal"))
}

/// Puts `header`, of exactly the length of the one there, in its place.
pub(super) fn replace(path: &Path, file: &File, header: &[u8]) -> io::Result<()> {
    let journal = path_of(path);
    // A new file: whatever lies there already, a link for instance, is not written into.
    let mut written = File::options()
        .write(true)
        .create_new(true)
        .open(&journal)?;
    written.write_all(MAGIC)?;
    written.write_all(Digest::of(header).as_bytes())?;
    written.write_all(header)?;
    written.sync_all()?;
    sync_folder(path)?;
    file.write_all_at(header, 8)?;
    file.sync_data()?;
    fs::remove_file(&journal)
}

/// Finishes a change that a crash broke off. The file is open for writing.
pub(super) fn recover(path: &Path, file: &File) -> io::Result<()> {
    let journal = path_of(path);
    let opened = match open_regular(&journal) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let text = format!("{}: {error}; remove it", journal.display());
            return Err(io::Error::new(error.kind(), text));
        }
    };
    // One byte more than there can be, so that a longer one is not taken for whole.
    let longest = (MAGIC.len() + 32 + 1) as u64 + MAX_HEADER_BYTES;
    let mut bytes = Vec::new();
    opened.take(longest).read_to_end(&mut bytes)?;
    let whole = bytes
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.split_at_checked(32))
        .filter(|(digest, header)| Digest::of(header).as_bytes() == digest);
    let mut length = [0; 8];
    file.read_exact_at(&mut length, 0)?;
    if let Some((_, header)) = whole
        && u64::from_le_bytes(length) == header.len() as u64
    {
        file.write_all_at(header, 8)?;
        file.sync_data()?;
    }
    // One that is not whole was never begun to be used: the file has its old header.
    fs::remove_file(&journal)
}

/// Makes the names in the file's folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
