//! Folders and files that nobody but the service's own user may change.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use nix::unistd::geteuid;

/// Refuses a folder that belongs to another user, or that group or others can write to: whoever can may put keys or a
/// database of their own in the place of ours.
pub(crate) fn check_folder(path: &Path) -> io::Result<()> {
    let meta = fs::metadata(path)?;
    let (owner, own) = (meta.uid(), geteuid().as_raw());
    let shown = path.display();
    if owner != own {
        return Err(io::Error::other(format!(
            "belongs to user {owner}, and this process runs as user {own}; run it as the owner, or `chown {own} {shown}`"
        )));
    }
    if meta.mode() & 0o022 != 0 {
        let mode = meta.mode() & 0o7777;
        return Err(io::Error::other(format!(
            "has mode {mode:04o}, so others can change what is in it; if nobody did, `chmod go-w {shown}`"
        )));
    }
    Ok(())
}

/// Opens a file for reading; not what a symbolic link points to.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    plain(OpenOptions::new().read(true), path)
}

/// Opens a file that only its owner may read, for writing, and makes it if it is absent; what is in it stays.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    plain(&mut options, path)
}

fn plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    match options.custom_flags(libc::O_NOFOLLOW).open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => Err(io::Error::other(
            "is a symbolic link; a plain file is expected here",
        )),
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn folders_that_others_can_write_to_are_refused() {
        let base = tempfile::tempdir().unwrap();
        for (mode, good) in [(0o700, true), (0o755, true), (0o775, false), (0o702, false)] {
            fs::set_permissions(base.path(), Permissions::from_mode(mode)).unwrap();
            let checked = check_folder(base.path());
            assert_eq!(checked.is_ok(), good, "{mode:o}");
            if let Err(error) = checked {
                assert!(error.to_string().contains("chmod go-w"), "{error}");
            }
        }
    }

    #[test]
    fn links_are_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let (file, link) = (base.path().join("file"), base.path().join("link"));
        create_private(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        open_plain(&file).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for refused in [open_plain(&link), create_private(&link)] {
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("symbolic link"), "{refused}");
        }
    }
}
