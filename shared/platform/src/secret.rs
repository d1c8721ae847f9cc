//! A file that holds one secret and nothing else: a password, an account's key.

use std::{fs, io, path::Path};

/// Bytes of the file at most.
const LARGEST: u64 = 4096;

/// Reads the secret, without the end of its line.
///
/// # Errors
/// What the system answered, or why the file cannot be meant.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > LARGEST {
        return Err(io::Error::other("is too large to hold a secret alone"));
    }
    let text = fs::read_to_string(path)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(io::Error::other("is empty"));
    }
    if secret.contains(['\r', '\n']) {
        return Err(io::Error::other("must hold the secret alone, in one line"));
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_one_line_and_not_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read_of = |text: &str| {
            fs::write(&path, text).unwrap();
            read(&path).map_err(|error| error.to_string())
        };
        assert_eq!(read_of("two words\r\n").unwrap(), "two words");
        for wrong in ["", "\n", "one\ntwo\n", &"x".repeat(4097)] {
            assert!(read_of(wrong).is_err(), "{wrong:?}");
        }
        fs::remove_file(&path).unwrap();
        assert!(read(&path).is_err());
    }
}
