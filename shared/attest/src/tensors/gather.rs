//! Tensors that do not lie in C order, put in it a window at a time: memory is bounded, whatever the strides say.

use std::{fs::File, os::unix::fs::FileExt as _};

use super::{ReadError, Tensor};

/// Bytes in C order that are put together at a time.
const WINDOW_BYTES: u64 = 32 << 20;
/// Bytes read at once at most.
const READ_BYTES: u64 = 1 << 20;
/// So few bytes are read at once whatever is between the numbers: reading one number costs as much.
const NEAR_BYTES: u64 = 4096;
/// More is read at once only if one byte of so many is wanted.
const THIN: u64 = 16;

/// One dimension: how many there are, and bytes from one to the next in the file and in C order.
#[derive(Debug, Clone, Copy)]
struct Axis {
    size: u64,
    from: u64,
    to: u64,
}

/// Gives the tensor's bytes to `take`, in C order.
pub(super) fn gather(
    file: &File,
    tensor: &Tensor,
    strides: &[u64],
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), ReadError> {
    gather_by(WINDOW_BYTES, file, tensor, strides, take)
}

fn gather_by(
    window: u64,
    file: &File,
    tensor: &Tensor,
    strides: &[u64],
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), ReadError> {
    if tensor.bytes == 0 {
        return Ok(());
    }
    let width = tensor.dtype.bits() / 8;
    let axes = axes(tensor, strides, width);
    // The outermost dimension of which at least one entry fits into the window is cut.
    let cut = axes.iter().position(|axis| axis.to <= window);
    let (outer, rest) = axes.split_at(cut.unwrap_or(axes.len()));
    let whole = Axis {
        size: 1,
        from: 0,
        to: width,
    };
    let (first, inner) = rest.split_first().unwrap_or((&whole, &[]));
    let most = (window / first.to).clamp(1, first.size);
    let mut buffer = vec![0; usize::try_from(most * first.to).unwrap_or_default()];
    let reversed: Vec<Axis> = outer.iter().rev().copied().collect();
    walk(&reversed, &mut |from, _| {
        let mut done = 0;
        while done < first.size {
            let size = most.min(first.size - done);
            let part = Axis { size, ..*first };
            let all: Vec<Axis> = inner.iter().copied().chain([part]).collect();
            let bytes = usize::try_from(size * first.to).unwrap_or_default();
            let piece = buffer.get_mut(..bytes).unwrap_or_default();
            fill(
                file,
                tensor.offset + from + done * first.from,
                all,
                width,
                piece,
            )?;
            take(piece);
            done += size;
        }
        Ok(())
    })
}

/// The dimensions of more than one entry, in their order. The strides of the others say nothing.
fn axes(tensor: &Tensor, strides: &[u64], width: u64) -> Vec<Axis> {
    let mut to = width;
    let mut axes: Vec<Axis> = (tensor.shape.iter().zip(strides).rev())
        .filter(|(size, _)| **size > 1)
        .map(|(&size, stride)| {
            let axis = Axis {
                size,
                from: stride * width,
                to,
            };
            to *= size;
            axis
        })
        .collect();
    axes.reverse();
    axes
}

/// Puts numbers in C order into `out`: what lies near each other is read at once, in the order of the file.
fn fill(
    file: &File,
    start: u64,
    mut axes: Vec<Axis>,
    width: u64,
    out: &mut [u8],
) -> Result<(), ReadError> {
    axes.retain(|axis| axis.size > 1);
    axes.sort_by_key(|axis| axis.from);
    let (mut span, mut wanted, mut near) = (width, width, 0);
    for axis in &axes {
        let (longer, more) = (span + (axis.size - 1) * axis.from, wanted * axis.size);
        if longer > READ_BYTES || longer > NEAR_BYTES.max(more.saturating_mul(THIN)) {
            break;
        }
        (span, wanted, near) = (longer, more, near + 1);
    }
    let (near, far) = axes.split_at(near);
    let width = usize::try_from(width).unwrap_or_default();
    let mut held = vec![0; usize::try_from(span).unwrap_or_default()];
    walk(far, &mut |from, to| {
        file.read_exact_at(&mut held, start + from)?;
        walk(near, &mut |at, within| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let place = usize::try_from(to + within).unwrap_or(usize::MAX);
            let number = held.get(at..).and_then(|rest| rest.get(..width));
            let room = out.get_mut(place..).and_then(|rest| rest.get_mut(..width));
            if let (Some(number), Some(room)) = (number, room) {
                room.copy_from_slice(number);
            }
            Ok(())
        })
    })
}

/// Goes through all entries, the first dimension the fastest: where each lies in the file, and in C order.
fn walk(
    axes: &[Axis],
    each: &mut dyn FnMut(u64, u64) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut index = vec![0; axes.len()];
    let (mut from, mut to) = (0, 0);
    loop {
        each(from, to)?;
        let mut moved = false;
        for (one, axis) in index.iter_mut().zip(axes) {
            *one += 1;
            if *one < axis.size {
                from += axis.from;
                to += axis.to;
                moved = true;
                break;
            }
            *one = 0;
            from -= (axis.size - 1) * axis.from;
            to -= (axis.size - 1) * axis.to;
        }
        if !moved {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tensors::Dtype;

    fn tensor(dtype: Dtype, shape: &[u64]) -> Tensor {
        Tensor {
            dtype,
            shape: shape.to_vec(),
            offset: 3,
            bytes: dtype.bytes_of(shape).unwrap(),
            strides: None,
        }
    }

    fn gathered(window: u64, file: &File, tensor: &Tensor, strides: &[u64]) -> Vec<u8> {
        let mut all = Vec::new();
        let take = &mut |bytes: &[u8]| all.extend_from_slice(bytes);
        gather_by(window, file, tensor, strides, take).unwrap();
        all
    }

    #[test]
    fn two_numbers_far_from_each_other_take_no_memory() {
        let file = tempfile::tempfile().unwrap();
        let stride = 1 << 31;
        // Nothing is stored between the two.
        file.write_all_at(&[7; 4], 3).unwrap();
        file.write_all_at(&[9; 4], 3 + stride * 4).unwrap();
        let found = gathered(WINDOW_BYTES, &file, &tensor(Dtype::F32, &[2]), &[stride]);
        assert_eq!(found, [7, 7, 7, 7, 9, 9, 9, 9]);
    }

    proptest! {
        #[test]
        fn every_window_gives_what_the_strides_say(
            axes in prop::collection::vec((1..6_u64, 0..700_u64), 1..5),
            window in 1..200_u64,
            dtype in prop::sample::select(vec![Dtype::U8, Dtype::I16, Dtype::F32, Dtype::F64]),
        ) {
            let (shape, strides): (Vec<u64>, Vec<u64>) = axes.into_iter().unzip();
            let tensor = tensor(dtype, &shape);
            let width = dtype.bits() / 8;
            let last: u64 = shape.iter().zip(&strides).map(|(size, stride)| (size - 1) * stride).sum();
            let bytes: Vec<u8> = (0..3 + (last + 1) * width).map(|at| (((at * 31) >> 3) ^ at) as u8).collect();
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(&bytes, 0).unwrap();
            let mut expected = Vec::new();
            for number in 0..tensor.bytes / width {
                let (mut left, mut at) = (number, 0);
                for (size, stride) in shape.iter().zip(&strides).rev() {
                    at += left % size * stride;
                    left /= size;
                }
                let at = (3 + at * width) as usize;
                expected.extend_from_slice(&bytes[at..at + width as usize]);
            }
            prop_assert_eq!(&gathered(window.max(width), &file, &tensor, &strides), &expected);
            prop_assert_eq!(&gathered(WINDOW_BYTES, &file, &tensor, &strides), &expected);
        }
    }
}
