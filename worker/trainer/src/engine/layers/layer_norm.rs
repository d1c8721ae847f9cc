//! Layer normalization over the last axis.

use candle_core::Tensor;

use super::moments::gradient_sums;
use super::{Saved, WeightGradients, one_a_column};
use crate::engine::error::Result;
use crate::engine::math::for_blocks;
use crate::engine::tensor::{modify, tensor, view};

/// Normalizes every row to mean 0 and variance 1, times gamma, plus beta.
pub(crate) fn forward(
    input: &Tensor,
    epsilon: f32,
    gamma: Option<&Tensor>,
    beta: Option<&Tensor>,
) -> Result<(Tensor, Saved)> {
    let width = width(input);
    one_a_column(&[gamma, beta], width)?;
    let output = input.copy()?;
    let mut mean = Vec::new();
    let mut inverse = Vec::new();
    for row in view(input)?.chunks_exact(width) {
        let middle = row.iter().map(|&x| f64::from(x)).sum::<f64>() / width as f64;
        let spread = |&x: &f32| (f64::from(x) - middle).powi(2);
        let variance = (row.iter().map(spread).sum::<f64>() / width as f64) as f32;
        mean.push(middle as f32);
        inverse.push(1.0 / (variance + epsilon).sqrt());
    }
    let gamma = gamma.map(view).transpose()?;
    let beta = beta.map(view).transpose()?;
    let (gamma, beta) = (gamma.as_deref(), beta.as_deref());
    modify(&output, |numbers| {
        for_blocks(numbers, width, |at, part| {
            for (i, row) in part.chunks_exact_mut(width).enumerate() {
                let (m, s) = (mean[at / width + i], inverse[at / width + i]);
                for (c, x) in row.iter_mut().enumerate() {
                    *x = (*x - m) * s * gamma.map_or(1.0, |g| g[c]) + beta.map_or(0.0, |b| b[c]);
                }
            }
        });
    })?;
    let saved = Saved::Moments {
        mean,
        inverse,
        from_batch: true,
    };
    Ok((output, saved))
}

/// The gradients of gamma and beta (where `gamma`, `has_beta`) and of the input.
pub(crate) fn backward(
    input: &Tensor,
    mean: &[f32],
    inverse: &[f32],
    gamma: Option<&Tensor>,
    has_beta: bool,
    grad: &Tensor,
) -> Result<(Tensor, WeightGradients)> {
    let width = width(input);
    let numbers = view(input)?;
    let normalized: Vec<f32> = (numbers.chunks_exact(width).zip(mean.iter().zip(inverse)))
        .flat_map(|(row, (m, s))| row.iter().map(move |x| (x - m) * s))
        .collect();
    let grad = grad.copy()?;
    let mut weights = Vec::new();
    let (beta_sum, gamma_sum) = gradient_sums(
        &view(&grad)?,
        &normalized,
        &vec![0.0; width],
        &vec![1.0; width],
    );
    for (sums, wanted) in [(gamma_sum, gamma.is_some()), (beta_sum, has_beta)] {
        if wanted {
            let sums: Vec<f32> = sums.into_iter().map(|s| s as f32).collect();
            weights.push(Some(tensor(sums, width)?));
        }
    }
    let gamma = gamma.map(view).transpose()?;
    let gamma = gamma.as_deref();
    modify(&grad, |numbers| {
        for_blocks(numbers, width, |at, part| {
            for (i, row) in part.chunks_exact_mut(width).enumerate() {
                let from = at + i * width;
                let normal = &normalized[from..from + width];
                row_gradient(row, normal, gamma, inverse[from / width]);
            }
        });
    })?;
    Ok((grad, weights))
}

fn row_gradient(row: &mut [f32], normal: &[f32], gamma: Option<&[f32]>, inverse: f32) {
    if let Some(gamma) = gamma {
        row.iter_mut().zip(gamma).for_each(|(g, w)| *g *= w);
    }
    let width = row.len() as f64;
    let plain = row.iter().map(|&g| f64::from(g)).sum::<f64>() / width;
    let along = (row.iter().zip(normal))
        .map(|(&g, &n)| f64::from(g) * f64::from(n))
        .sum::<f64>()
        / width;
    for (g, n) in row.iter_mut().zip(normal) {
        *g = inverse * (*g - plain as f32 - n * along as f32);
    }
}

fn width(input: &Tensor) -> usize {
    input.dims().last().copied().unwrap_or(1).max(1)
}
