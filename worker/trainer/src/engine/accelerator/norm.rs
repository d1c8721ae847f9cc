//! Batch and layer normalization, composed of sums, so that candle knows every gradient.

use candle_core::{D, Result, Tensor};

use crate::engine::layers::BatchNorm;
use crate::engine::math::decimal;

/// Normalizes with the batch's statistics if `from_batch`, else with the running ones. Gives the running mean and
/// variance as they are to become, where they move.
pub(super) fn batch(
    norm: &BatchNorm<'_>,
    input: &Tensor,
    from_batch: bool,
) -> Result<(Tensor, Option<[Tensor; 2]>)> {
    let kept = norm.axis + 1;
    let others: Vec<usize> = (0..input.rank()).filter(|&dim| dim != kept).collect();
    let mut shape = vec![1; input.rank()];
    if let Some(length) = shape.get_mut(kept) {
        *length = input.dim(kept)?;
    }
    let shaped = |weight: &Tensor| weight.reshape(shape.as_slice());
    let (mean, variance, moved) = if from_batch {
        let count: usize = others
            .iter()
            .filter_map(|&dim| input.dims().get(dim))
            .product();
        let share = 1.0 / count.max(1) as f64;
        let mean = input.sum_keepdim(others.as_slice())?.affine(share, 0.0)?;
        let off = input.broadcast_sub(&mean)?.sqr()?;
        let variance = off.sum_keepdim(others.as_slice())?.affine(share, 0.0)?;
        let moved = [
            toward(norm.mean, &mean, norm.momentum)?,
            toward(norm.variance, &variance, norm.momentum)?,
        ];
        (mean, variance, Some(moved))
    } else {
        (shaped(norm.mean)?, shaped(norm.variance)?, None)
    };
    let deviation = variance.affine(1.0, f64::from(norm.epsilon))?.sqrt()?;
    let mut output = input.broadcast_sub(&mean)?.broadcast_div(&deviation)?;
    if let Some(gamma) = norm.gamma {
        output = output.broadcast_mul(&shaped(gamma)?)?;
    }
    if let Some(beta) = norm.beta {
        output = output.broadcast_add(&shaped(beta)?)?;
    }
    Ok((output, moved))
}

/// The running statistic after a batch.
fn toward(running: &Tensor, now: &Tensor, momentum: f32) -> Result<Tensor> {
    let keep = decimal(momentum);
    let now = now.detach().reshape(running.shape())?;
    running.affine(keep, 0.0)? + now.affine(1.0 - keep, 0.0)?
}

/// Normalizes every row to mean 0 and variance 1, times gamma, plus beta.
pub(super) fn layer(
    input: &Tensor,
    epsilon: f32,
    gamma: Option<&Tensor>,
    beta: Option<&Tensor>,
) -> Result<Tensor> {
    let share = 1.0 / input.dim(D::Minus1)?.max(1) as f64;
    let mean = input.sum_keepdim(D::Minus1)?.affine(share, 0.0)?;
    let centred = input.broadcast_sub(&mean)?;
    let variance = centred.sqr()?.sum_keepdim(D::Minus1)?.affine(share, 0.0)?;
    let deviation = variance.affine(1.0, f64::from(epsilon))?.sqrt()?;
    let mut output = centred.broadcast_div(&deviation)?;
    if let Some(gamma) = gamma {
        output = output.broadcast_mul(gamma)?;
    }
    if let Some(beta) = beta {
        output = output.broadcast_add(beta)?;
    }
    Ok(output)
}
