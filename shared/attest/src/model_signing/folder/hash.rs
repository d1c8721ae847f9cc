use std::{
    io::{self, Read},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    super::{HashKind, ModelSigningError},
    walk::{Found, io as failed},
};
use crate::hash_reader;

/// Bytes read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// The digest of each file that is not known, on all cores, the largest file first.
pub(super) fn all(
    files: &[Found],
    known: Vec<Option<Vec<u8>>>,
    kind: HashKind,
) -> Result<Vec<Vec<u8>>, ModelSigningError> {
    let mut open: Vec<usize> = (0..files.len())
        .filter(|&index| known.get(index).is_none_or(Option::is_none))
        .collect();
    open.sort_by_key(|&index| std::cmp::Reverse(files.get(index).map_or(0, |file| file.bytes)));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(known);
    let work = || -> Result<(), ModelSigningError> {
        while let Some(&index) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(file) = files.get(index) else {
                continue;
            };
            let digest = one(file, kind)?;
            let mut results = results
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(slot) = results.get_mut(index) {
                *slot = Some(digest);
            }
        }
        Ok(())
    };
    // A thread of its own for one file would only cost its start.
    match open.len().min(cores) {
        0 => Ok(()),
        1 => work(),
        threads => thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running
                .into_iter()
                .try_for_each(|thread| match thread.join() {
                    Ok(result) => result,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
        }),
    }?;
    let results = results
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let missing = || ModelSigningError::Empty;
    results
        .into_iter()
        .map(|digest| digest.ok_or_else(missing))
        .collect()
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
