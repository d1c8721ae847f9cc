//! A bundle in a folder: its files, opened without following links, for [`assay_attest::verify::verify_bundle`].

use std::{collections::BTreeSet, fs, io, path::Path};

use assay_attest::{
    Trust, open_regular,
    verify::{Report, VerifiedBundle, examine_bundle},
};
use time::OffsetDateTime;

/// Files that a bundle may have at most; a real one has sixteen.
const MAX_FILES: usize = 10_000;
/// Folders within folders at most; a real one has four.
const MAX_DEPTH: usize = 16;

/// Verifies the bundle in `dir` against pinned keys, offline, as of now.
///
/// # Errors
/// The folder cannot be listed, or holds more than a bundle could. What a file's content gives rise to is in the report.
pub fn verify_folder(dir: &Path, trust: &Trust) -> io::Result<Report> {
    Ok(examine_folder(dir, trust)?.report)
}

/// As [`verify_folder`], with the link that was verified.
///
/// # Errors
/// As [`verify_folder`].
pub fn examine_folder(dir: &Path, trust: &Trust) -> io::Result<VerifiedBundle> {
    let mut paths = BTreeSet::new();
    list(dir, "", 0, &mut paths)?;
    let open = |path: &str| open_regular(&dir.join(path));
    Ok(examine_bundle(
        &paths,
        open,
        trust,
        OffsetDateTime::now_utc(),
    ))
}

/// Every entry that is not a folder, links and devices too: the verifier asks what nothing names.
pub(crate) fn list(
    dir: &Path,
    prefix: &str,
    depth: usize,
    paths: &mut BTreeSet<String>,
) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other("folders lie too deep for a bundle"));
    }
    for entry in fs::read_dir(dir.join(prefix))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| {
            io::Error::other(format!("{} is no name in a bundle", name.display()))
        })?;
        let path = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}/{name}")
        };
        // The entry's own type: a link to a folder is not a folder.
        if entry.file_type()?.is_dir() {
            list(dir, &path, depth + 1, paths)?;
        } else {
            paths.insert(path);
        }
        if paths.len() > MAX_FILES {
            return Err(io::Error::other("more files than a bundle could have"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_listed_but_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/file"), "x").unwrap();
        std::os::unix::fs::symlink("sub/file", dir.path().join("link")).unwrap();
        let mut paths = BTreeSet::new();
        list(dir.path(), "", 0, &mut paths).unwrap();
        assert_eq!(paths, ["link", "sub/file"].map(str::to_owned).into());
        assert!(open_regular(&dir.path().join("sub/file")).is_ok());
        assert!(open_regular(&dir.path().join("link")).is_err());
        assert!(open_regular(&dir.path().join("sub")).is_err());
    }
}
