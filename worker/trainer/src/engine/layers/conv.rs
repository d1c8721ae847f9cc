//! Convolution as a matrix product over patches.
//!
//! The patches of a few rows at a time are laid out as a matrix, small enough to stay in the cache. How many
//! rows depends on shapes alone, and the kernel's gradient is added up over those groups in order, so the
//! result does not depend on the number of threads.

use candle_core::Tensor;
use rayon::prelude::*;

use super::window::Window;
use super::{Saved, WeightGradients, activation, dense};
use crate::engine::error::Result;
use crate::engine::math::{column_sums, in_order};
use crate::engine::product::{Matrix, Workers, multiply};
use crate::engine::tensor::{tensor, view};
use crate::spec::Activation;

/// Numbers of a matrix of patches at most, unless one row has more.
const PATCHES: usize = 256 * 1024;
/// Groups of rows that a batch is cut into at least, if it has as many rows.
const GROUPS: usize = 16;

/// Rows that are worked on together.
fn group(window: &Window) -> usize {
    let fits = PATCHES / (window.places() * window.patch()).max(1);
    fits.min(window.rows.div_ceil(GROUPS)).max(1)
}

/// The kernel as a matrix: numbers under the window × filters.
fn matrix(kernel: &Tensor) -> candle_core::Result<Tensor> {
    let (height, width, channels, filters) = kernel.dims4()?;
    kernel.reshape((height * width * channels, filters))
}

/// `activation(input * kernel + bias)`.
pub(crate) fn forward(
    input: &Tensor,
    window: &Window,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<(Tensor, Saved)> {
    let kernel = matrix(kernel)?;
    if window.is_pointwise() {
        return dense::forward(input, &kernel, bias, activation);
    }
    let filters = kernel.dim(1)?;
    let output = vec![0.0; window.rows * window.places() * filters];
    let output = fill(output, input, window, &kernel, bias, activation)?;
    let shape = [window.rows, window.output[0], window.output[1], filters];
    let output = tensor(output, shape.to_vec())?;
    let saved = dense::finish(&output, activation)?;
    Ok((output, saved))
}

fn fill(
    mut output: Vec<f32>,
    input: &Tensor,
    window: &Window,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<Vec<f32>> {
    let filters = kernel.dim(1)?;
    let at_once = if activation::needs_input(activation) {
        Activation::Linear
    } else {
        activation
    };
    let bias = bias.map(view).transpose()?;
    let bias = bias.as_deref();
    let (input, kernel) = (view(input)?, view(kernel)?);
    let input: &[f32] = &input;
    let kernel = Matrix::new(&kernel, window.patch(), filters)?;
    let rows = group(window);
    output
        .par_chunks_mut(rows * window.places() * filters)
        .zip(input.par_chunks(rows * window.input_size()))
        .try_for_each_init(Vec::new, |patches, (output, input)| -> Result<()> {
            let patches = fill_patches(patches, input, window)?;
            multiply(patches, kernel, output, Workers::One)?;
            activation::finish(at_once, bias, filters, output);
            Ok(())
        })?;
    Ok(output)
}

/// The patches of some rows as a matrix; padding is zero. `memory` is used again from group to group.
fn fill_patches<'a>(
    memory: &'a mut Vec<f32>,
    input: &[f32],
    window: &Window,
) -> Result<Matrix<'a>> {
    let rows = input.len() / window.input_size().max(1);
    let size = window.places() * window.patch();
    // The padding lies in the same places for every row, so zeros that are there may stay.
    memory.resize(rows * size, 0.0);
    for (matrix, input) in memory
        .chunks_exact_mut(size)
        .zip(input.chunks_exact(window.input_size()))
    {
        window.for_stretches(|from, to| matrix[to].copy_from_slice(&input[from]));
    }
    Ok(Matrix::new(memory, rows * window.places(), window.patch())?)
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
    let flat = matrix(kernel)?;
    let shape = kernel.dims();
    let (input_grad, mut weights) = if window.is_pointwise() {
        dense::backward(input, &flat, has_bias, grad, wants_input, wants_weights)?
    } else {
        let weights = if wants_weights {
            weight_gradients(input, window, flat.dim(1)?, has_bias, grad)?
        } else {
            Vec::new()
        };
        let input_grad = if wants_input {
            Some(input_gradient(input, window, &flat, grad)?)
        } else {
            None
        };
        (input_grad, weights)
    };
    if let Some(Some(gradient)) = weights.first_mut() {
        *gradient = gradient.reshape(shape)?;
    }
    Ok((input_grad, weights))
}

fn weight_gradients(
    input: &Tensor,
    window: &Window,
    filters: usize,
    has_bias: bool,
    grad: &Tensor,
) -> Result<WeightGradients> {
    let (input, grad) = (view(input)?, view(grad)?);
    let (input, grad): (&[f32], &[f32]) = (&input, &grad);
    let rows = group(window);
    let parts = input
        .par_chunks(rows * window.input_size())
        .zip(grad.par_chunks(rows * window.places() * filters))
        .map_init(Vec::new, |patches, (input, grad)| {
            let patches = fill_patches(patches, input, window)?;
            let mut kernel = vec![0.0; window.patch() * filters];
            let matrix = Matrix::new(grad, grad.len() / filters.max(1), filters)?;
            multiply(patches.transposed(), matrix, &mut kernel, Workers::One)?;
            let bias = if has_bias {
                column_sums(grad, filters)
            } else {
                Vec::new()
            };
            Ok((kernel, bias))
        })
        .collect::<Result<Vec<_>>>()?;
    let (kernels, biases): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let kernel = tensor(in_order(kernels), (window.patch(), filters))?;
    let mut weights = vec![Some(kernel)];
    if has_bias {
        weights.push(Some(tensor(in_order(biases), filters)?));
    }
    Ok(weights)
}

fn input_gradient(
    input: &Tensor,
    window: &Window,
    kernel: &Tensor,
    grad: &Tensor,
) -> Result<Tensor> {
    let filters = kernel.dim(1)?;
    let kernel = view(kernel)?;
    let kernel = Matrix::new(&kernel, window.patch(), filters)?.transposed();
    let mut output = vec![0.0; input.elem_count()];
    let grad = view(grad)?;
    let grad: &[f32] = &grad;
    let rows = group(window);
    let size = window.places() * window.patch();
    output
        .par_chunks_mut(rows * window.input_size())
        .zip(grad.par_chunks(rows * window.places() * filters))
        .try_for_each_init(Vec::new, |product, (output, grad)| -> Result<()> {
            let height = grad.len() / filters.max(1);
            product.resize(height * window.patch(), 0.0);
            multiply(
                Matrix::new(grad, height, filters)?,
                kernel,
                product,
                Workers::One,
            )?;
            for (output, product) in output
                .chunks_exact_mut(window.input_size())
                .zip(product.chunks_exact(size))
            {
                window.for_stretches(|to, from| {
                    for (o, p) in output[to].iter_mut().zip(&product[from]) {
                        *o += p;
                    }
                });
            }
            Ok(())
        })?;
    Ok(tensor(output, input.shape().clone())?)
}
