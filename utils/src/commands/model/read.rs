//! Files that came with a model.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::{Context, ensure};
use assay_attest::open_regular;

/// Reads a file of `most` bytes at most. Links are followed; pipes and devices are refused, as they may have no end.
pub(super) fn read(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let named = || format!("cannot read {}", path.display());
    let file = path
        .canonicalize()
        .and_then(|path| open_regular(&path))
        .with_context(named)?;
    take(file, path, most)
}

/// Reads what the caller names as a text: from a pipe, too, but no more than `most` bytes.
pub(super) fn read_text(path: &Path, most: u64) -> anyhow::Result<String> {
    let named = || format!("cannot read {}", path.display());
    let bytes = take(File::open(path).with_context(named)?, path, most)?;
    String::from_utf8(bytes).with_context(named)
}

fn take(file: File, path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        bytes.len() as u64 <= most,
        "{} is longer than the {most} bytes that such a file may have",
        path.display()
    );
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, process::Command};

    use super::*;

    #[test]
    fn endless_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, device, pipe] =
            ["file", "link", "device", "pipe"].map(|name| dir.path().join(name));
        fs::write(&file, "12345").unwrap();
        symlink("file", &link).unwrap();
        symlink("/dev/zero", &device).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(read(&link, 5).unwrap(), b"12345");
        assert!(read(&file, 4).is_err());
        for path in [&device, &pipe, &dir.path().to_owned()] {
            assert!(read(path, 100).is_err(), "{}", path.display());
        }
        assert_eq!(read_text(&link, 5).unwrap(), "12345");
        assert!(read_text(&device, 100).is_err());
    }
}
