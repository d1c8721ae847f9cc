use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use super::Weights;
use crate::{
    pickle::{self, PickleError},
    regular::open_followed,
    safetensors::{self, SafetensorsError},
};

/// Why the weights of a file could not be found.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not a safetensors file, or one that cannot be read.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// `PyTorch` weights that are not read.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Opens weights, in whichever form they are: safetensors, or `PyTorch`'s.
///
/// # Errors
/// [`OpenError`].
pub fn open(path: &Path) -> Result<(File, Weights), OpenError> {
    let mut file = open_followed(path)?;
    let mut head = Vec::new();
    file.by_ref().take(9).read_to_end(&mut head)?;
    // A safetensors file begins with a length, which may be any bytes, so the brace behind it decides.
    if head.get(8) != Some(&b'{') && (head.starts_with(b"PK") || head.starts_with(b"\x80\x02")) {
        let weights = pickle::read(&file)?;
        return Ok((file, weights));
    }
    let (file, header) = safetensors::file::open(path)?;
    Ok((file, header.weights))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lengths_that_look_like_a_pickle_or_an_archive_are_lengths() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.safetensors");
        for length in [0x280_usize, 0x4b50, 0x4b50 + 0x1_0000, 64] {
            let mut bytes = (length as u64).to_le_bytes().to_vec();
            bytes.extend_from_slice(br#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#);
            bytes.resize(8 + length, b' ');
            bytes.push(7);
            fs::write(&path, &bytes).unwrap();
            let (_, weights) = open(&path).unwrap();
            assert_eq!(weights.bytes(), 1, "{length}");
        }
        for (bytes, pickled) in [
            (&b"PK\x03\x04"[..], true),
            (b"\x80\x02.", true),
            (b"", false),
            (b"text", false),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = open(&path).unwrap_err();
            assert_eq!(matches!(error, OpenError::Pickle(_)), pickled, "{error}");
        }
    }
}
