//! Opening files that strangers may have put there.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Opens a file to be read, if it is one: no link is followed, and neither a device nor a pipe is waited for.
///
/// # Errors
/// The file system's, and one of its own where something else lies there.
pub fn open_regular(path: &Path) -> io::Result<File> {
    open(path, libc::O_NOFOLLOW)
}

/// As [`open_regular`], and follows links.
pub(crate) fn open_followed(path: &Path) -> io::Result<File> {
    open(path, 0)
}

/// Reads a file of `limit` bytes at most, links followed, devices and pipes refused.
///
/// # Errors
/// As [`open_regular`], and one where the file is longer.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let longest = limit.saturating_add(1);
    open_followed(path)?.take(longest).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = format!("more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

fn open(path: &Path, flags: i32) -> io::Result<File> {
    // O_NONBLOCK: opening a FIFO must not wait for a writer that never comes.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags | libc::O_NONBLOCK)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn links_folders_and_devices_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, device] = ["file", "link", "device"].map(|name| dir.path().join(name));
        fs::write(&file, "x").unwrap();
        symlink("file", &link).unwrap();
        symlink("/dev/zero", &device).unwrap();
        assert!(open_regular(&file).is_ok() && open_followed(&link).is_ok());
        for path in [&link, &device, &dir.path().to_owned()] {
            assert!(open_regular(path).is_err(), "{}", path.display());
        }
        assert_eq!(read_regular(&link, 1).unwrap(), b"x");
        assert!(read_regular(&link, 0).is_err() && read_regular(&device, 9).is_err());
        assert!(open_followed(&device).is_err() && open_followed(dir.path()).is_err());
    }
}
