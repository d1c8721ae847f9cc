//! Depthwise convolution: every channel has kernels of its own.

use candle_core::Tensor;
use rayon::prelude::*;

use super::window::Window;
use super::{Saved, WeightGradients, activation, dense};
use crate::engine::error::Result;
use crate::engine::math::{column_sums, in_order};
use crate::engine::tensor::{tensor, view};
use crate::spec::Activation;

/// Rows whose kernel gradients are added up together; fixed, so that the sum's order is.
const GROUP: usize = 4;

fn multiplier(window: &Window, kernel: &Tensor) -> Result<usize> {
    let (height, width, channels, multiplier) = kernel.dims4()?;
    if [height, width] != window.kernel || channels != window.channels {
        return Err(broken("the kernel does not fit the input"));
    }
    Ok(multiplier)
}

fn broken(message: &str) -> crate::engine::error::Error {
    candle_core::Error::Msg(message.to_owned()).into()
}

/// Calls `work(output, input, kernel)` with the place of the first channel in each, for every window and tap.
fn for_taps(window: &Window, multiplier: usize, mut work: impl FnMut(usize, usize, usize)) {
    let channels = window.channels;
    for oy in 0..window.output[0] {
        for ky in 0..window.kernel[0] {
            let Some(y) = window.source(0, oy, ky) else {
                continue;
            };
            for ox in 0..window.output[1] {
                let output = (oy * window.output[1] + ox) * channels * multiplier;
                for kx in 0..window.kernel[1] {
                    if let Some(x) = window.source(1, ox, kx) {
                        let input = (y * window.input[1] + x) * channels;
                        let tap = (ky * window.kernel[1] + kx) * channels * multiplier;
                        work(output, input, tap);
                    }
                }
            }
        }
    }
}

/// `activation(input * kernel + bias)`; output channel `c · multiplier + j` is channel `c` under its kernel `j`.
pub(crate) fn forward(
    input: &Tensor,
    window: &Window,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<(Tensor, Saved)> {
    let multiplier = multiplier(window, kernel)?;
    let filters = window.channels * multiplier;
    let bias = bias
        .map(|bias| view(bias).map(|b| b.to_vec()))
        .transpose()?;
    let (input, kernel) = (view(input)?, view(kernel)?);
    let (input, kernel): (&[f32], &[f32]) = (&input, &kernel);
    let at_once = if activation::needs_input(activation) {
        Activation::Linear
    } else {
        activation
    };
    let mut output = vec![0.0; window.rows * window.places() * filters];
    output
        .par_chunks_mut(window.places() * filters)
        .zip(input.par_chunks(window.input_size()))
        .for_each(|(output, input)| {
            for_taps(window, multiplier, |o, i, k| {
                let output = output[o..o + filters].chunks_exact_mut(multiplier);
                let kernel = kernel[k..k + filters].chunks_exact(multiplier);
                for ((output, kernel), &x) in output.zip(kernel).zip(&input[i..]) {
                    for (y, w) in output.iter_mut().zip(kernel) {
                        *y += x * w;
                    }
                }
            });
            activation::finish(at_once, bias.as_deref(), filters, output);
        });
    let shape = [window.rows, window.output[0], window.output[1], filters];
    let output = tensor(output, shape.to_vec())?;
    let saved = dense::finish(&output, activation)?;
    Ok((output, saved))
}

/// The gradients of kernel, bias and input from `grad`, the gradient before the activation.
pub(crate) fn backward(
    input: &Tensor,
    window: &Window,
    kernel: &Tensor,
    has_bias: bool,
    grad: &Tensor,
    wants_input: bool,
    wants_weights: bool,
) -> Result<(Option<Tensor>, WeightGradients)> {
    let multiplier = multiplier(window, kernel)?;
    let filters = window.channels * multiplier;
    let mut weights = Vec::new();
    if wants_weights {
        weights.push(Some(kernel_gradient(
            input, window, kernel, grad, multiplier,
        )?));
        if has_bias {
            weights.push(Some(tensor(column_sums(&view(grad)?, filters), filters)?));
        }
    }
    let input = if wants_input {
        Some(input_gradient(input, window, kernel, grad, multiplier)?)
    } else {
        None
    };
    Ok((input, weights))
}

fn kernel_gradient(
    input: &Tensor,
    window: &Window,
    kernel: &Tensor,
    grad: &Tensor,
    multiplier: usize,
) -> Result<Tensor> {
    let filters = window.channels * multiplier;
    let (inputs, grads) = (view(input)?, view(grad)?);
    let (inputs, grads): (&[f32], &[f32]) = (&inputs, &grads);
    let size = window.places() * filters;
    let parts: Vec<Vec<f32>> = inputs
        .par_chunks(GROUP * window.input_size())
        .zip(grads.par_chunks(GROUP * size))
        .map(|(inputs, grads)| {
            let mut sums = vec![0.0; kernel.elem_count()];
            for (input, grad) in inputs
                .chunks_exact(window.input_size())
                .zip(grads.chunks_exact(size))
            {
                for_taps(window, multiplier, |o, i, k| {
                    let sums = sums[k..k + filters].chunks_exact_mut(multiplier);
                    let grad = grad[o..o + filters].chunks_exact(multiplier);
                    for ((sums, grad), &x) in sums.zip(grad).zip(&input[i..]) {
                        for (s, g) in sums.iter_mut().zip(grad) {
                            *s += x * g;
                        }
                    }
                });
            }
            sums
        })
        .collect();
    Ok(tensor(in_order(parts), kernel.shape().clone())?)
}

fn input_gradient(
    input: &Tensor,
    window: &Window,
    kernel: &Tensor,
    grad: &Tensor,
    multiplier: usize,
) -> Result<Tensor> {
    let filters = window.channels * multiplier;
    let (kernel, grad) = (view(kernel)?, view(grad)?);
    let (kernel, grad): (&[f32], &[f32]) = (&kernel, &grad);
    let mut output = vec![0.0; input.elem_count()];
    output
        .par_chunks_mut(window.input_size())
        .zip(grad.par_chunks(window.places() * filters))
        .for_each(|(output, grad)| {
            for_taps(window, multiplier, |o, i, k| {
                let grad = grad[o..o + filters].chunks_exact(multiplier);
                let kernel = kernel[k..k + filters].chunks_exact(multiplier);
                for ((x, grad), kernel) in output[i..].iter_mut().zip(grad).zip(kernel) {
                    *x += grad.iter().zip(kernel).map(|(g, w)| g * w).sum::<f32>();
                }
            });
        });
    Ok(tensor(output, input.shape().clone())?)
}
