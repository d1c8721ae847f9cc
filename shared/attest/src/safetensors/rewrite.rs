use std::{
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use super::{
    Header, MAX_HEADER_BYTES, SafetensorsError,
    beside::{Unfinished, is_at},
    journal,
};

/// Bytes left free behind a header that is written anew, so that the next one finds room.
const SPARE_BYTES: usize = 2048;
/// What the tensors' beginning is a multiple of, as the format's own writers have it.
const ALIGNMENT: usize = 8;

/// How a header was rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    /// Within the room of the old one: no tensor was read or moved.
    InPlace,
    /// With the whole file, since there was no room, or since the file has other names.
    Copied,
}

/// Gives the file this header: in the room of the old one, or with a copy of the file.
pub(super) fn rewrite(
    path: &Path,
    file: &File,
    header: &Header,
) -> Result<Rewritten, SafetensorsError> {
    let json = header.to_json();
    let room = usize::try_from(header.length).unwrap_or_default();
    if json.len() <= room && file.metadata()?.nlink() == 1 {
        journal::replace(path, file, &padded(json, room))?;
        return Ok(Rewritten::InPlace);
    }
    let room = (json.len() + SPARE_BYTES).next_multiple_of(ALIGNMENT);
    if room as u64 > MAX_HEADER_BYTES {
        return Err(SafetensorsError::Header(
            "its header would be longer than 100 MB".to_owned(),
        ));
    }
    let unfinished = Unfinished::create(path, 0o600)?;
    copy(file, header, &padded(json, room), &unfinished.file)?;
    if !is_at(file, path)? {
        let text = format!(
            "{} was replaced meanwhile; nothing was changed",
            path.display()
        );
        return Err(io::Error::other(text).into());
    }
    unfinished.replace()?;
    Ok(Rewritten::Copied)
}

fn padded(mut json: Vec<u8>, room: usize) -> Vec<u8> {
    json.resize(room, b' ');
    json
}

fn copy(mut from: &File, header: &Header, json: &[u8], mut new: &File) -> io::Result<()> {
    new.set_permissions(from.metadata()?.permissions())?;
    new.write_all(&(json.len() as u64).to_le_bytes())?;
    new.write_all(json)?;
    from.seek(SeekFrom::Start(header.length + 8))?;
    // The kernel copies, or shares the blocks where the file system can.
    io::copy(&mut from, &mut new).map(|_| ())
}
