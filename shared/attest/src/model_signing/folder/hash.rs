use std::{
    io::{self, Read},
    iter,
};

use super::{
    super::{HashKind, ModelSigningError},
    walk::{Found, io as failed},
};
use crate::{cores::on_all_cores, hash_reader};

/// Bytes read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// The digest of each file that is not known, on all cores.
pub(super) fn all(
    files: &[Found],
    known: Vec<Option<Vec<u8>>>,
    kind: HashKind,
) -> Result<Vec<Vec<u8>>, ModelSigningError> {
    let known = known.into_iter().chain(iter::repeat(None));
    let all: Vec<_> = files.iter().zip(known).collect();
    let open = |(file, known): &(&Found, Option<Vec<u8>>)| match known {
        Some(_) => 0,
        None => file.bytes,
    };
    let digests = on_all_cores(&all, open, |(file, known)| match known {
        Some(digest) => Ok(digest.clone()),
        None => one(file, kind),
    });
    digests.into_iter().collect()
}

fn one(file: &Found, kind: HashKind) -> Result<Vec<u8>, ModelSigningError> {
    let reader = file.open()?;
    let digest = match kind {
        HashKind::Sha256 => hash_reader(reader).map(|(digest, _)| digest.as_bytes().to_vec()),
        HashKind::Blake2b => {
            let mut state = blake2b_simd::State::new();
            stream(reader, |bytes| {
                state.update(bytes);
            })
            .map(|()| state.finalize().as_bytes().to_vec())
        }
        HashKind::Blake3 => {
            let mut state = blake3::Hasher::new();
            stream(reader, |bytes| {
                state.update(bytes);
            })
            .map(|()| state.finalize().as_bytes().to_vec())
        }
    };
    digest.map_err(|error| failed(&file.path, error))
}

/// Gives all bytes to `take`.
pub(crate) fn stream(mut reader: impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
