//! Matrix product with bias and activation.

use candle_core::Tensor;

use super::{Saved, WeightGradients, activation};
use crate::engine::error::Result;
use crate::engine::math::{column_sums, for_blocks};
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
    let output = input.reshape(((), width))?.matmul(kernel)?;
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
    let grad = grad.reshape(((), units))?;
    let mut weights = Vec::new();
    if wants_weights {
        let rows = input.reshape(((), width))?;
        weights.push(Some(rows.t()?.matmul(&grad)?));
        if has_bias {
            weights.push(Some(tensor(column_sums(&*view(&grad)?, units), units)?));
        }
    }
    let input = if wants_input {
        Some(grad.matmul(&kernel.t()?)?.reshape(input.dims())?)
    } else {
        None
    };
    Ok((input, weights))
}
