//! Scalar functions and sums whose results depend neither on the C library nor on the number of threads.
//!
//! The functions come from the `libm` crate, so every machine computes the same bits. Sums are taken over
//! blocks of a fixed length and the blocks are added in order.

use rayon::prelude::*;

/// Numbers in one block of a pointwise loop.
pub(crate) const BLOCK: usize = 16 * 1024;

/// `1 / (1 + e^-x)`.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

/// `ln(1 + e^x)` without overflow.
pub(crate) fn softplus(x: f32) -> f32 {
    x.max(0.0) + libm::log1pf(libm::expf(-x.abs()))
}

/// The 64-bit float that `x` was written as in decimal.
///
/// Keras keeps settings as 64-bit floats and computes `1 - 0.999` in them; the 32-bit 0.999 would give a
/// number that differs in the fifth digit.
pub(crate) fn decimal(x: f32) -> f64 {
    x.to_string().parse().unwrap_or_else(|_| f64::from(x))
}

/// Calls `work` on blocks of whole rows of `width`, in parallel if there are many.
pub(crate) fn for_blocks(
    numbers: &mut [f32],
    width: usize,
    work: impl Fn(usize, &mut [f32]) + Sync + Send,
) {
    let block = (BLOCK / width.max(1)).max(1) * width.max(1);
    if numbers.len() <= 2 * block {
        work(0, numbers);
    } else {
        numbers
            .par_chunks_mut(block)
            .enumerate()
            .for_each(|(i, part)| work(i * block, part));
    }
}

/// Adds `other` to `sum`, number by number.
pub(crate) fn accumulate(sum: &mut [f32], other: &[f32]) {
    for (s, o) in sum.iter_mut().zip(other) {
        *s += o;
    }
}

/// Sum of each column of a matrix of `width` columns: blocks of rows, added in order.
pub(crate) fn column_sums(numbers: &[f32], width: usize) -> Vec<f32> {
    let width = width.max(1);
    let block = (BLOCK / width).max(1) * width;
    let sum_of = |part: &[f32]| {
        let mut sums = vec![0.0; width];
        for row in part.chunks_exact(width) {
            accumulate(&mut sums, row);
        }
        sums
    };
    if numbers.len() <= 2 * block {
        return sum_of(numbers);
    }
    let parts: Vec<Vec<f32>> = numbers.par_chunks(block).map(sum_of).collect();
    in_order(parts)
}

/// Adds vectors of one length in their order.
pub(crate) fn in_order(parts: Vec<Vec<f32>>) -> Vec<f32> {
    let mut parts = parts.into_iter();
    let mut sums = parts.next().unwrap_or_default();
    for part in parts {
        accumulate(&mut sums, &part);
    }
    sums
}

/// Sum of squares in 64 bits, over blocks in order.
pub(crate) fn sum_of_squares(numbers: &[f32]) -> f64 {
    let sum_of = |part: &[f32]| {
        part.iter()
            .map(|&x| f64::from(x) * f64::from(x))
            .sum::<f64>()
    };
    let parts: Vec<f64> = numbers.par_chunks(BLOCK).map(sum_of).collect();
    parts.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_gives_back_what_was_written() {
        assert_eq!(decimal(0.999), 0.999);
        assert_eq!(decimal(1e-7), 1e-7);
    }

    #[test]
    fn softplus_and_sigmoid_hold_at_the_ends() {
        assert_eq!(softplus(100.0), 100.0);
        assert!(softplus(-100.0) >= 0.0);
        assert_eq!(sigmoid(-200.0), 0.0);
        assert_eq!(sigmoid(200.0), 1.0);
    }

    #[test]
    fn column_sums_of_many_blocks_equal_the_plain_sums() {
        let numbers: Vec<f32> = (0..3 * 50_000).map(|i| (i % 7) as f32).collect();
        let mut plain = [0.0f64; 3];
        for row in numbers.chunks(3) {
            for (p, &x) in plain.iter_mut().zip(row) {
                *p += f64::from(x);
            }
        }
        for (got, want) in column_sums(&numbers, 3).iter().zip(plain) {
            assert!((f64::from(*got) - want).abs() < 1.0, "{got} {want}");
        }
    }
}
