//! Pooling over windows and over whole images.

use candle_core::Tensor;
use rayon::prelude::*;

use super::window::Window;
use crate::engine::error::Result;
use crate::engine::tensor::{tensor, view};

/// Calls `work(output, input, tap)` with the place of the first channel in output and input, window by
/// window, taps in row-major order.
fn for_taps(window: &Window, mut work: impl FnMut(usize, usize, usize)) {
    let channels = window.channels;
    for oy in 0..window.output[0] {
        for ox in 0..window.output[1] {
            let output = (oy * window.output[1] + ox) * channels;
            for ky in 0..window.kernel[0] {
                let Some(y) = window.source(0, oy, ky) else {
                    continue;
                };
                for kx in 0..window.kernel[1] {
                    if let Some(x) = window.source(1, ox, kx) {
                        let input = (y * window.input[1] + x) * channels;
                        work(output, input, ky * window.kernel[1] + kx);
                    }
                }
            }
        }
    }
}

fn shape(window: &Window) -> Vec<usize> {
    vec![
        window.rows,
        window.output[0],
        window.output[1],
        window.channels,
    ]
}

/// The largest of each window, and which tap of the window it was (the first of equals).
pub(crate) fn max_forward(input: &Tensor, window: &Window) -> Result<(Tensor, Vec<u32>)> {
    let numbers = view(input)?;
    let numbers: &[f32] = &numbers;
    let (size, channels) = (window.places() * window.channels, window.channels);
    let mut output = vec![f32::NEG_INFINITY; window.rows * size];
    let mut winners = vec![0u32; window.rows * size];
    output
        .par_chunks_mut(size)
        .zip(winners.par_chunks_mut(size))
        .zip(numbers.par_chunks(window.input_size()))
        .for_each(|((output, winners), input)| {
            for_taps(window, |o, i, tap| {
                let output = &mut output[o..o + channels];
                let winners = &mut winners[o..o + channels];
                for ((y, winner), &x) in output.iter_mut().zip(winners).zip(&input[i..i + channels])
                {
                    // A NaN wins, so that it is not lost on its way to the loss. Selecting by bits keeps
                    // the loop free of branches.
                    let wins = u32::from((x > *y) | x.is_nan()).wrapping_neg();
                    *y = f32::from_bits((x.to_bits() & wins) | (y.to_bits() & !wins));
                    *winner = (tap as u32 & wins) | (*winner & !wins);
                }
            });
        });
    Ok((tensor(output, shape(window))?, winners))
}

/// The gradient goes to the number that won.
pub(crate) fn max_backward(
    input: &Tensor,
    window: &Window,
    winners: &[u32],
    grad: &Tensor,
) -> Result<Tensor> {
    let grad = view(grad)?;
    let grad: &[f32] = &grad;
    let (size, channels) = (window.places() * window.channels, window.channels);
    let mut output = vec![0.0; input.elem_count()];
    output
        .par_chunks_mut(window.input_size())
        .zip(grad.par_chunks(size).zip(winners.par_chunks(size)))
        .for_each(|(output, (grad, winners))| {
            for_taps(window, |o, i, tap| {
                let output = &mut output[i..i + channels];
                let grad = &grad[o..o + channels];
                for ((x, &g), &winner) in output.iter_mut().zip(grad).zip(&winners[o..o + channels])
                {
                    *x += if winner == tap as u32 { g } else { 0.0 };
                }
            });
        });
    Ok(tensor(output, input.shape().clone())?)
}

/// How many places of the window at every output place lie in the input.
fn counts(window: &Window) -> Vec<f32> {
    let mut counts = vec![0.0; window.places()];
    for_taps(window, |output, _, _| {
        counts[output / window.channels.max(1)] += 1.0
    });
    counts
}

/// The mean of each window, the padding left out.
pub(crate) fn average_forward(input: &Tensor, window: &Window) -> Result<Tensor> {
    let numbers = view(input)?;
    let numbers: &[f32] = &numbers;
    let counts = counts(window);
    let (size, channels) = (window.places() * window.channels, window.channels);
    let mut output = vec![0.0; window.rows * size];
    output
        .par_chunks_mut(size)
        .zip(numbers.par_chunks(window.input_size()))
        .for_each(|(output, input)| {
            for_taps(window, |o, i, _| {
                for (y, x) in output[o..o + channels]
                    .iter_mut()
                    .zip(&input[i..i + channels])
                {
                    *y += x;
                }
            });
            for (place, &count) in output.chunks_exact_mut(channels).zip(&counts) {
                place.iter_mut().for_each(|y| *y /= count);
            }
        });
    Ok(tensor(output, shape(window))?)
}

/// The gradient goes evenly to the numbers of the window.
pub(crate) fn average_backward(input: &Tensor, window: &Window, grad: &Tensor) -> Result<Tensor> {
    let grad = view(grad)?;
    let grad: &[f32] = &grad;
    let counts = counts(window);
    let (size, channels) = (window.places() * window.channels, window.channels);
    let mut output = vec![0.0; input.elem_count()];
    output
        .par_chunks_mut(window.input_size())
        .zip(grad.par_chunks(size))
        .for_each(|(output, grad)| {
            for_taps(window, |o, i, _| {
                let count = counts[o / channels];
                for (x, g) in output[i..i + channels]
                    .iter_mut()
                    .zip(&grad[o..o + channels])
                {
                    *x += g / count;
                }
            });
        });
    Ok(tensor(output, input.shape().clone())?)
}
