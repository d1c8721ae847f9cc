//! Matrix product with bias and activation.

use candle_core::Tensor;

use super::{Saved, WeightGradients, activation};
use crate::engine::error::Result;
use crate::engine::math::{column_sums, for_blocks};
use crate::engine::product::{Matrix, Workers, multiply};
use crate::engine::tensor::{modify, tensor, view};
use crate::spec::Activation;

/// `activation(input · kernel + bias)` over the last axis of `input`.
pub(crate) fn forward(
    input: &Tensor,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<(Tensor, Saved)> {
    let (width, units) = kernel.dims2()?;
    let mut shape = input.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = units;
    }
    let rows = input.elem_count() / width.max(1);
    let mut output = vec![0.0; rows * units];
    {
        let (input, kernel) = (view(input)?, view(kernel)?);
        let input = Matrix::new(&input, rows, width)?;
        multiply(
            input,
            Matrix::new(&kernel, width, units)?,
            &mut output,
            Workers::All,
        )?;
    }
    let output = tensor(output, (rows, units))?;
    add_bias(&output, bias, units, activation)?;
    let saved = finish(&output, activation)?;
    Ok((output.reshape(shape)?, saved))
}

/// Adds the bias; applies the activation too where its gradient does not need the sum.
fn add_bias(
    output: &Tensor,
    bias: Option<&Tensor>,
    units: usize,
    activation: Activation,
) -> Result<()> {
    let at_once = if activation::needs_input(activation) {
        Activation::Linear
    } else {
        activation
    };
    let bias = bias.map(view).transpose()?;
    modify(output, |numbers| {
        for_blocks(numbers, units, |_, part| {
            activation::finish(at_once, bias.as_deref(), units, part);
        });
    })?;
    Ok(())
}

/// Applies an activation whose gradient needs its input, and keeps that input.
pub(crate) fn finish(output: &Tensor, activation: Activation) -> Result<Saved> {
    if !activation::needs_input(activation) {
        return Ok(Saved::Nothing);
    }
    let before = output.copy()?;
    activation::apply(activation, output)?;
    Ok(Saved::Before(before))
}

/// The gradients of kernel, bias and input from `grad`, the gradient before the activation.
pub(crate) fn backward(
    input: &Tensor,
    kernel: &Tensor,
    has_bias: bool,
    grad: &Tensor,
    wants_input: bool,
    wants_weights: bool,
) -> Result<(Option<Tensor>, WeightGradients)> {
    let (width, units) = kernel.dims2()?;
    let rows = grad.elem_count() / units.max(1);
    let numbers = view(grad)?;
    let grad = Matrix::new(&numbers, rows, units)?;
    let mut weights = Vec::new();
    if wants_weights {
        let input = view(input)?;
        let mut product = vec![0.0; width * units];
        let input = Matrix::new(&input, rows, width)?.transposed();
        multiply(input, grad, &mut product, Workers::All)?;
        weights.push(Some(tensor(product, (width, units))?));
        if has_bias {
            weights.push(Some(tensor(column_sums(&numbers, units), units)?));
        }
    }
    if !wants_input {
        return Ok((None, weights));
    }
    let kernel = view(kernel)?;
    let mut product = vec![0.0; rows * width];
    let kernel = Matrix::new(&kernel, width, units)?.transposed();
    multiply(grad, kernel, &mut product, Workers::All)?;
    Ok((Some(tensor(product, input.shape().clone())?), weights))
}
