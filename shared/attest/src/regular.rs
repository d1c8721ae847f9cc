//! Opening files that strangers may have put there.

use std::{
    fs::{File, OpenOptions},
    io,
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
        assert!(open_followed(&device).is_err() && open_followed(dir.path()).is_err());
    }
}
