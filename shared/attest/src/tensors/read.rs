use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::{Tensor, gather::gather};

/// Bytes handed out at a time.
const CHUNK_BYTES: u64 = 512 * 1024;

/// Why a tensor could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system, or the file has become shorter.
    #[error("reading the tensors: {0}")]
    Io(#[from] io::Error),
}

/// Gives a tensor's bytes to `take`, in C order.
///
/// # Errors
/// [`ReadError`].
pub fn for_each_chunk(
    file: &File,
    tensor: &Tensor,
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), ReadError> {
    match &tensor.strides {
        None => in_order(file, tensor.offset, tensor.bytes, take),
        Some(strides) => gather(file, tensor, strides, take),
    }
}

fn in_order(
    file: &File,
    mut offset: u64,
    bytes: u64,
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), ReadError> {
    let mut left = bytes;
    let mut buffer = vec![0; usize::try_from(left.min(CHUNK_BYTES)).unwrap_or_default()];
    while left > 0 {
        let now = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let chunk = buffer.get_mut(..now).unwrap_or_default();
        file.read_exact_at(chunk, offset)?;
        take(chunk);
        offset += now as u64;
        left -= now as u64;
    }
    Ok(())
}
