//! Changing a header where it lies, such that a crash leaves the old one or the new one.
//!
//! Both are first written to a journal beside the file. Whoever changes the file next finishes what a crash has left
//! there, if what the file holds is nothing but parts of these two.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    MAX_HEADER_BYTES,
    beside::{beside, sync_folder},
};
use crate::{Digest, open_regular};

const MAGIC: &[u8] = b"assay safetensors journal v2\n";

/// The journal of a file: beside it.
pub(super) fn path_of(file: &Path) -> PathBuf {
    beside(file, "assay-journal")
}

/// A journal's bytes: a digest of the rest, the file's size, the header that was there, the one that comes.
pub(super) fn bytes_of(file_bytes: u64, old: &[u8], new: &[u8]) -> Vec<u8> {
    let rest = [&file_bytes.to_le_bytes()[..], old, new].concat();
    [MAGIC, Digest::of(&rest).as_bytes(), &rest].concat()
}

/// Puts `header`, of exactly the length of the one there, in its place.
pub(super) fn replace(path: &Path, file: &File, header: &[u8]) -> io::Result<()> {
    let mut old = vec![0; header.len()];
    file.read_exact_at(&mut old, 8)?;
    let bytes = bytes_of(file.metadata()?.len(), &old, header);
    let journal = path_of(path);
    // A new file: whatever lies there already, a link for instance, is not written into.
    let mut written = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&journal)?;
    let begun = written
        .write_all(&bytes)
        .and_then(|()| written.sync_all())
        .and_then(|()| sync_folder(path));
    if let Err(error) = begun {
        let _ = fs::remove_file(&journal);
        return Err(error);
    }
    file.write_all_at(header, 8)?;
    file.sync_data()?;
    fs::remove_file(&journal)
}

/// Finishes a change that a crash broke off. The file is open for writing.
pub(super) fn recover(path: &Path, file: &File) -> io::Result<()> {
    let journal = path_of(path);
    let refused = |error: io::Error| {
        let text = format!("{}: {error}; remove it", journal.display());
        io::Error::new(error.kind(), text)
    };
    let opened = match open_regular(&journal) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
    };
    let (written, owned) = (opened.metadata()?, file.metadata()?);
    if written.nlink() != 1 || !(written.uid() == owned.uid() || written.uid() == 0) {
        let whose =
            "a journal that neither the file's owner nor root wrote, or that has a second name";
        return Err(refused(io::Error::other(whose)));
    }
    // One byte more than there can be, so that a longer one is not taken for whole.
    let longest = (MAGIC.len() + 32 + 8 + 1) as u64 + 2 * MAX_HEADER_BYTES;
    let mut bytes = Vec::new();
    opened.take(longest).read_to_end(&mut bytes)?;
    // One that is not whole was never begun to be used: the file has its old header.
    if let Some((file_bytes, old, new)) = parts(&bytes) {
        let mut length = [0; 8];
        file.read_exact_at(&mut length, 0)?;
        let same = u64::from_le_bytes(length) == new.len() as u64 && owned.len() == file_bytes;
        if !same || !finish(file, old, new)? {
            let other = "a journal of another file of this name, which is no use for this one";
            return Err(refused(io::Error::other(other)));
        }
    }
    fs::remove_file(&journal)
}

/// Writes the new header over parts of both; `false`, and nothing is written, if the file holds anything else.
fn finish(file: &File, old: &[u8], new: &[u8]) -> io::Result<bool> {
    let mut present = vec![0; new.len()];
    file.read_exact_at(&mut present, 8)?;
    // Not begun, or at its end. One not begun is not begun now: the file may be another with the same header.
    if present == old || present == new {
        return Ok(true);
    }
    let mut bytes = present.iter().zip(old.iter().zip(new));
    if !bytes.all(|(byte, (old, new))| byte == old || byte == new) {
        return Ok(false);
    }
    file.write_all_at(new, 8)?;
    file.sync_data()?;
    Ok(true)
}

/// The file's size, the old and the new header of a journal that is whole.
fn parts(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (digest, rest) = bytes.strip_prefix(MAGIC)?.split_at_checked(32)?;
    if Digest::of(rest).as_bytes() != digest {
        return None;
    }
    let (file_bytes, headers) = rest.split_first_chunk::<8>()?;
    let (old, new) = headers.split_at_checked(headers.len() / 2)?;
    (old.len() == new.len()).then_some((u64::from_le_bytes(*file_bytes), old, new))
}
