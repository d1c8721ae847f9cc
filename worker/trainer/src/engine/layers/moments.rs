//! Means and variances of the columns of a matrix, and the sums that their gradients need.

use rayon::prelude::*;

use crate::engine::math::BLOCK;

/// Mean and population variance of each of `width` columns, in two passes and 64 bits.
pub(crate) fn moments(numbers: &[f32], width: usize) -> (Vec<f64>, Vec<f64>) {
    let rows = (numbers.len() / width.max(1)).max(1) as f64;
    let mut mean = sums(numbers, width, |sums, row| {
        for (s, &x) in sums.iter_mut().zip(row) {
            *s += f64::from(x);
        }
    });
    mean.iter_mut().for_each(|m| *m /= rows);
    let mut variance = sums(numbers, width, |sums, row| {
        for ((s, &x), m) in sums.iter_mut().zip(row).zip(&mean) {
            let off = f64::from(x) - m;
            *s += off * off;
        }
    });
    variance.iter_mut().for_each(|v| *v /= rows);
    (mean, variance)
}

/// `(Σ grad, Σ grad · normalized)` of each column.
pub(crate) fn gradient_sums(
    grad: &[f32],
    input: &[f32],
    mean: &[f32],
    inverse: &[f32],
) -> (Vec<f64>, Vec<f64>) {
    let width = mean.len().max(1);
    let block = (BLOCK / width).max(1) * width;
    let parts: Vec<(Vec<f64>, Vec<f64>)> = grad
        .par_chunks(block)
        .zip(input.par_chunks(block))
        .map(|(grad, input)| {
            let (mut plain, mut scaled) = (vec![0.0; width], vec![0.0; width]);
            for (grad, input) in grad.chunks_exact(width).zip(input.chunks_exact(width)) {
                for (c, (&g, &x)) in grad.iter().zip(input).enumerate() {
                    plain[c] += f64::from(g);
                    scaled[c] += f64::from(g * ((x - mean[c]) * inverse[c]));
                }
            }
            (plain, scaled)
        })
        .collect();
    let (mut plain, mut scaled) = (vec![0.0; width], vec![0.0; width]);
    for (p, s) in parts {
        plain.iter_mut().zip(p).for_each(|(sum, x)| *sum += x);
        scaled.iter_mut().zip(s).for_each(|(sum, x)| *sum += x);
    }
    (plain, scaled)
}

/// Sums over rows, block by block, the blocks added in order.
fn sums(numbers: &[f32], width: usize, add: impl Fn(&mut [f64], &[f32]) + Sync) -> Vec<f64> {
    let width = width.max(1);
    let parts: Vec<Vec<f64>> = numbers
        .par_chunks((BLOCK / width).max(1) * width)
        .map(|part| {
            let mut sums = vec![0.0; width];
            part.chunks_exact(width).for_each(|row| add(&mut sums, row));
            sums
        })
        .collect();
    let mut total = vec![0.0; width];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
    }
    total
}
