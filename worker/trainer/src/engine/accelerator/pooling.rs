//! Pooling over windows and over whole images.

use candle_core::{DType, Result, Tensor};

use super::window::{inside, taps};
use crate::engine::layers::Window;

/// The largest of each window. The gradient goes to the first of equals; candle's own spreads it wrongly.
pub(super) fn max(input: &Tensor, window: &Window) -> Result<Tensor> {
    let mut largest: Option<Tensor> = None;
    for (tap, seen) in taps(input, window)?
        .iter()
        .zip(inside(window, input.device())?)
    {
        let least = Tensor::full(f32::NEG_INFINITY, tap.shape(), tap.device())?;
        let tap = seen.broadcast_as(tap.shape())?.where_cond(tap, &least)?;
        largest = Some(match largest {
            None => tap,
            // Not larger keeps the earlier one. A NaN is never "not larger", so it wins and is not lost.
            Some(largest) => tap.le(&largest)?.where_cond(&largest, &tap)?,
        });
    }
    largest.ok_or_else(empty)
}

/// The mean of each window, the padding left out.
pub(super) fn average(input: &Tensor, window: &Window) -> Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    let mut count: Option<Tensor> = None;
    for (tap, seen) in taps(input, window)?
        .into_iter()
        .zip(inside(window, input.device())?)
    {
        let seen = seen.to_dtype(DType::F32)?;
        sum = Some(match sum {
            None => tap,
            Some(sum) => (sum + tap)?,
        });
        count = Some(match count {
            None => seen,
            Some(count) => (count + seen)?,
        });
    }
    match (sum, count) {
        (Some(sum), Some(count)) => sum.broadcast_div(&count),
        _ => Err(empty()),
    }
}

/// The mean over height and width.
pub(super) fn global_average(input: &Tensor, keepdims: bool) -> Result<Tensor> {
    let (_, height, width, _) = input.dims4()?;
    let sum = input.sum_keepdim((1, 2))?;
    shaped(sum.affine(1.0 / (height * width) as f64, 0.0)?, keepdims)
}

/// The maximum over height and width. The gradient goes evenly to all places that hold it, as in TensorFlow.
pub(super) fn global_max(input: &Tensor, keepdims: bool) -> Result<Tensor> {
    let (rows, height, width, channels) = input.dims4()?;
    let flat = input.reshape((rows, height * width, channels))?;
    let largest = flat.detach().max_keepdim(1)?;
    let holds = flat.detach().broadcast_eq(&largest)?.to_dtype(DType::F32)?;
    let share = holds.broadcast_div(&holds.sum_keepdim(1)?)?;
    // Elsewhere nothing is counted, not even what is infinite.
    let held = holds.ne(0f32)?.where_cond(&flat, &flat.zeros_like()?)?;
    let result = (held * share)?.sum_keepdim(1)?;
    shaped(result.reshape((rows, 1, 1, channels))?, keepdims)
}

fn shaped(result: Tensor, keepdims: bool) -> Result<Tensor> {
    if keepdims {
        return Ok(result);
    }
    let (rows, _, _, channels) = result.dims4()?;
    result.reshape((rows, channels))
}

fn empty() -> candle_core::Error {
    candle_core::Error::Msg("a window has at least one place".to_owned())
}
