use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::Tensor;

/// Bytes handed out at a time.
const CHUNK_BYTES: u64 = 512 * 1024;

/// Bytes of a file that are held at a time for tensors that do not lie in C order, in blocks.
const HELD_BYTES: usize = 64 << 20;
/// Bytes of such a block: what a disk gives at once.
const BLOCK_BYTES: usize = 4096;

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

/// The part of a file in which a tensor lies, held in blocks: each has one place, so that the latest in it stays.
struct Blocks<'a> {
    file: &'a File,
    /// Where the file ends, as far as the tensor goes.
    end: u64,
    places: Vec<(u64, Vec<u8>)>,
}

impl<'a> Blocks<'a> {
    fn new(file: &'a File, tensor: &Tensor, span: u64) -> Self {
        let blocks = usize::try_from(span / BLOCK_BYTES as u64).unwrap_or(usize::MAX);
        let count = blocks.saturating_add(2).min(HELD_BYTES / BLOCK_BYTES);
        Self {
            file,
            end: tensor.offset.saturating_add(span),
            places: vec![(u64::MAX, Vec::new()); count],
        }
    }

    /// Appends `width` bytes at a place in the file to `to`.
    fn copy(&mut self, mut at: u64, mut width: usize, to: &mut Vec<u8>) -> io::Result<()> {
        while width > 0 {
            let (block, within) = (at / BLOCK_BYTES as u64, (at % BLOCK_BYTES as u64) as usize);
            let bytes = self.block(block)?;
            let part = bytes.get(within..).unwrap_or_default();
            let part = part.get(..width).unwrap_or(part);
            if part.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            to.extend_from_slice(part);
            at += part.len() as u64;
            width -= part.len();
        }
        Ok(())
    }

    fn block(&mut self, number: u64) -> io::Result<&[u8]> {
        let place = (number % self.places.len() as u64) as usize;
        let Some((held, bytes)) = self.places.get_mut(place) else {
            return Ok(&[]);
        };
        if *held != number {
            let start = number * BLOCK_BYTES as u64;
            let count = self.end.saturating_sub(start).min(BLOCK_BYTES as u64);
            bytes.resize(usize::try_from(count).unwrap_or_default(), 0);
            // Until it is whole, it is no block.
            *held = u64::MAX;
            self.file.read_exact_at(bytes, start)?;
            *held = number;
        }
        Ok(bytes)
    }
}

/// Picks the tensor's numbers one by one, however far apart they lie.
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
    let mut blocks = Blocks::new(file, tensor, span);
    let mut index = vec![0_u64; tensor.shape.len()];
    let mut chunk = Vec::with_capacity(CHUNK_BYTES as usize);
    loop {
        let at: u64 = index
            .iter()
            .zip(strides)
            .map(|(index, stride)| index * stride)
            .sum();
        let at = at.saturating_mul(width as u64);
        blocks.copy(tensor.offset.saturating_add(at), width, &mut chunk)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensors::Dtype;

    #[test]
    fn numbers_that_lie_far_apart_are_read_without_what_lies_between() {
        let file = tempfile::tempfile().unwrap();
        let stride = 1_u64 << 32;
        // A sparse file: it takes a few blocks on the disk.
        file.set_len(2 * stride * 4).unwrap();
        for (index, number) in [(0, 1_u32), (stride, 2), (1, 3), (stride + 1, 4)] {
            let at = 2 + index * 4;
            file.write_all_at(&number.to_le_bytes(), at).unwrap();
        }
        let tensor = Tensor {
            dtype: Dtype::U32,
            shape: vec![2, 2],
            offset: 2,
            bytes: 16,
            strides: Some(vec![1, stride]),
        };
        let mut read = Vec::new();
        for_each_chunk(&file, &tensor, &mut |bytes| read.extend_from_slice(bytes)).unwrap();
        let expected: Vec<u8> = [1_u32, 2, 3, 4]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect();
        assert_eq!(read, expected);
        file.set_len(stride).unwrap();
        assert!(for_each_chunk(&file, &tensor, &mut |_| ()).is_err());
    }

    #[test]
    fn numbers_across_the_blocks_are_whole() {
        let file = tempfile::tempfile().unwrap();
        let numbers: Vec<u8> = (0..5000_u64).flat_map(u64::to_le_bytes).collect();
        file.write_all_at(&numbers, 3).unwrap();
        let tensor = Tensor {
            dtype: Dtype::U64,
            shape: vec![50, 100],
            offset: 3,
            bytes: 40_000,
            strides: Some(vec![1, 50]),
        };
        let mut read = Vec::new();
        for_each_chunk(&file, &tensor, &mut |bytes| read.extend_from_slice(bytes)).unwrap();
        let expected: Vec<u8> = (0..50_u64)
            .flat_map(|row| (0..100).flat_map(move |column| (row + 50 * column).to_le_bytes()))
            .collect();
        assert_eq!(read, expected);
    }
}
