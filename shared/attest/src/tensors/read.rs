use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::Tensor;

/// Bytes handed out at a time.
const CHUNK_BYTES: u64 = 512 * 1024;

/// Why a tensor could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system, or the file has become shorter.
    #[error("reading the tensors: {0}")]
    Io(#[from] io::Error),
    /// A view of so many bytes that they cannot be held in memory.
    #[error("a tensor that does not lie in C order spans {0} bytes, more than there is memory for")]
    Span(u64),
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

/// Reads all that the tensor's numbers lie in, and picks them out one by one.
fn gather(
    file: &File,
    tensor: &Tensor,
    strides: &[u64],
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), ReadError> {
    if tensor.bytes == 0 {
        return Ok(());
    }
    let width = usize::try_from(tensor.dtype.bits() / 8).unwrap_or_default();
    let last: u64 = tensor
        .shape
        .iter()
        .zip(strides)
        .map(|(size, stride)| (size - 1) * stride)
        .sum();
    let span = (last + 1).saturating_mul(width as u64);
    let bytes = usize::try_from(span).map_err(|_| ReadError::Span(span))?;
    let mut held = Vec::new();
    held.try_reserve_exact(bytes)
        .map_err(|_| ReadError::Span(span))?;
    held.resize(bytes, 0);
    file.read_exact_at(&mut held, tensor.offset)?;

    let mut index = vec![0_u64; tensor.shape.len()];
    let mut chunk = Vec::with_capacity(CHUNK_BYTES as usize);
    loop {
        let at: u64 = index
            .iter()
            .zip(strides)
            .map(|(index, stride)| index * stride)
            .sum();
        let at = usize::try_from(at)
            .unwrap_or(usize::MAX)
            .saturating_mul(width);
        chunk.extend_from_slice(held.get(at..at.saturating_add(width)).unwrap_or_default());
        if chunk.len() as u64 >= CHUNK_BYTES {
            take(&chunk);
            chunk.clear();
        }
        if !advance(&mut index, &tensor.shape) {
            take(&chunk);
            return Ok(());
        }
    }
}

/// The next index, the last dimension first; `false` after the last.
fn advance(index: &mut [u64], shape: &[u64]) -> bool {
    for (one, size) in index.iter_mut().zip(shape).rev() {
        *one += 1;
        if *one < *size {
            return true;
        }
        *one = 0;
    }
    false
}
