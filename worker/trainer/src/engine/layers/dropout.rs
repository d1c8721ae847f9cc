//! Dropout with a stream of its own for every layer.

use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::Saved;
use crate::engine::error::Result;
use crate::engine::tensor::modify;

/// Drops each number with probability `rate` and divides the others by `1 - rate`.
pub(crate) fn forward(
    input: &Tensor,
    rate: f32,
    stream: &mut ChaCha8Rng,
) -> Result<(Tensor, Saved)> {
    let kept = mask(input.elem_count(), rate, stream);
    let output = input.copy()?;
    scale(&output, rate, &kept)?;
    Ok((output, Saved::Kept(kept)))
}

/// Which of `count` numbers are kept.
pub(crate) fn mask(count: usize, rate: f32, stream: &mut ChaCha8Rng) -> Vec<bool> {
    // Below this word a number is dropped; 2^32 at rate 1 drops every one.
    let limit = (f64::from(rate) * 4_294_967_296.0) as u64;
    (0..count)
        .map(|_| u64::from(stream.next_u32()) >= limit)
        .collect()
}

/// Turns the gradient after the layer into the one before it, in place.
pub(crate) fn backward(rate: f32, kept: &[bool], grad: &Tensor) -> Result<()> {
    scale(grad, rate, kept)
}

fn scale(tensor: &Tensor, rate: f32, kept: &[bool]) -> Result<()> {
    let factor = 1.0 / (1.0 - rate);
    modify(tensor, |numbers| {
        for (x, &keep) in numbers.iter_mut().zip(kept) {
            *x = if keep { *x * factor } else { 0.0 };
        }
    })?;
    Ok(())
}
