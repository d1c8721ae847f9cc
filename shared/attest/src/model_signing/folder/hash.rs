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

/// A file's digest.
#[derive(Debug, Clone)]
pub(super) struct Hashed {
    pub(super) digest: Vec<u8>,
    /// The file did not change while it was read, and cannot change from now on without its times changing, too.
    pub(super) is_settled: bool,
}

/// The digest of each file that is not known, on all cores. Only for digests that are to be kept, `settle` looks
/// whether they may be: it writes what is still in memory.
pub(super) fn all(
    files: &[Found],
    known: Vec<Option<Vec<u8>>>,
    kind: HashKind,
    settle: bool,
) -> Result<Vec<Hashed>, ModelSigningError> {
    let known = known.into_iter().chain(iter::repeat(None));
    let all: Vec<_> = files.iter().zip(known).collect();
    let open = |(file, known): &(&Found, Option<Vec<u8>>)| match known {
        Some(_) => 0,
        None => file.bytes,
    };
    let digests = on_all_cores(&all, open, |(file, known)| match known {
        Some(digest) => Ok(Hashed {
            digest: digest.clone(),
            is_settled: true,
        }),
        None => one(file, kind, settle),
    });
    digests.into_iter().collect()
}

fn one(file: &Found, kind: HashKind, settle: bool) -> Result<Hashed, ModelSigningError> {
    let opened = file.open()?;
    let reader = &opened;
    // A page that was changed through a mapping and not written yet may be changed again, and no time tells of it.
    let written = settle && reader.sync_data().is_ok();
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
    Ok(Hashed {
        digest: digest.map_err(|error| failed(&file.path, error))?,
        is_settled: written && file.is_still(&opened),
    })
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

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::{super::walk::look_through, *};

    #[test]
    fn a_file_that_changes_after_it_was_looked_at_is_not_settled() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "1").unwrap();
        let files = look_through(dir.path(), &[], false).unwrap().files;
        let settled = |settle| {
            let hashed = all(&files, vec![None], HashKind::Sha256, settle).unwrap();
            hashed.iter().all(|one| one.is_settled)
        };
        assert!(settled(true) && !settled(false));
        let mut file = fs::File::options()
            .append(true)
            .open(&files[0].path)
            .unwrap();
        file.write_all(b"2").unwrap();
        assert!(!settled(true));
    }
}
