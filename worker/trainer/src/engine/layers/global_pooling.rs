//! Mean and maximum over height and width.

use candle_core::Tensor;

use crate::engine::error::Result;
use crate::engine::math::accumulate;
use crate::engine::tensor::{tensor, view};

/// `[rows, channels]`, or `[rows, 1, 1, channels]` with `keepdims`.
fn shape(input: &Tensor, keepdims: bool) -> Result<Vec<usize>> {
    let (rows, _, _, channels) = input.dims4()?;
    Ok(if keepdims {
        vec![rows, 1, 1, channels]
    } else {
        vec![rows, channels]
    })
}

/// Places (height × width) and channels of one row.
fn sizes(input: &Tensor) -> Result<(usize, usize)> {
    let (_, height, width, channels) = input.dims4()?;
    Ok((height * width, channels))
}

/// The mean over all places.
pub(crate) fn average_forward(input: &Tensor, keepdims: bool) -> Result<Tensor> {
    let (places, channels) = sizes(input)?;
    let mut output = Vec::with_capacity(input.dim(0)? * channels);
    for row in view(input)?.chunks_exact(places * channels) {
        let mut sums = vec![0.0; channels];
        row.chunks_exact(channels)
            .for_each(|place| accumulate(&mut sums, place));
        output.extend(sums.iter().map(|sum| sum / places as f32));
    }
    Ok(tensor(output, shape(input, keepdims)?)?)
}

/// The gradient goes evenly to all places.
pub(crate) fn average_backward(input: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let (places, channels) = sizes(input)?;
    let mut output = Vec::with_capacity(input.elem_count());
    for grad in view(grad)?.chunks_exact(channels) {
        for _ in 0..places {
            output.extend(grad.iter().map(|g| g / places as f32));
        }
    }
    Ok(tensor(output, input.shape().clone())?)
}

/// The maximum over all places.
pub(crate) fn max_forward(input: &Tensor, keepdims: bool) -> Result<Tensor> {
    let (places, channels) = sizes(input)?;
    let mut output = Vec::with_capacity(input.dim(0)? * channels);
    for row in view(input)?.chunks_exact(places * channels) {
        let mut largest = vec![f32::NEG_INFINITY; channels];
        for place in row.chunks_exact(channels) {
            for (y, &x) in largest.iter_mut().zip(place) {
                *y = if x <= *y { *y } else { x };
            }
        }
        output.extend(largest);
    }
    Ok(tensor(output, shape(input, keepdims)?)?)
}

/// The gradient goes evenly to all places that hold the maximum, as in TensorFlow.
pub(crate) fn max_backward(input: &Tensor, output: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let (places, channels) = sizes(input)?;
    let mut result = Vec::with_capacity(input.elem_count());
    let (inputs, outputs, grads) = (view(input)?, view(output)?, view(grad)?);
    for ((row, largest), grad) in inputs
        .chunks_exact(places * channels)
        .zip(outputs.chunks_exact(channels))
        .zip(grads.chunks_exact(channels))
    {
        let mut equal = vec![0.0f32; channels];
        for place in row.chunks_exact(channels) {
            for ((count, x), y) in equal.iter_mut().zip(place).zip(largest) {
                *count += if x == y { 1.0 } else { 0.0 };
            }
        }
        for place in row.chunks_exact(channels) {
            for (((count, x), y), g) in equal.iter().zip(place).zip(largest).zip(grad) {
                result.push(if x == y { g / count } else { 0.0 });
            }
        }
    }
    Ok(tensor(result, input.shape().clone())?)
}
