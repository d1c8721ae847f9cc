//! Activation functions and their gradients, in place.

use candle_core::Tensor;

use crate::engine::error::Result;
use crate::engine::math::{for_blocks, sigmoid, softplus};
use crate::engine::tensor::{modify, view};
use crate::spec::Activation;

/// `sqrt(2 / π)`, of gelu's approximate form.
const GELU_SCALE: f32 = 0.797_884_6;
/// The cubic term of gelu's approximate form.
const GELU_CUBIC: f32 = 0.044_715;

/// Whether the gradient needs the numbers from before the activation; the others are told from the output.
pub(crate) fn needs_input(activation: Activation) -> bool {
    matches!(activation, Activation::Gelu { .. } | Activation::Swish)
}

/// Adds `bias` to every row of `width` numbers and applies `activation`.
pub(crate) fn finish(activation: Activation, bias: Option<&[f32]>, width: usize, rows: &mut [f32]) {
    let width = width.max(1);
    for row in rows.chunks_exact_mut(width) {
        if let Some(bias) = bias {
            for (x, b) in row.iter_mut().zip(bias) {
                *x += b;
            }
        }
        apply_to_row(activation, row);
    }
}

/// Applies `activation` to a tensor that nothing else shares; softmax goes over its last axis.
pub(crate) fn apply(activation: Activation, tensor: &Tensor) -> Result<()> {
    if activation == Activation::Linear {
        return Ok(());
    }
    let width = tensor.dims().last().copied().unwrap_or(1);
    modify(tensor, |numbers| {
        for_blocks(numbers, width, |_, part| {
            finish(activation, None, width, part)
        });
    })?;
    Ok(())
}

/// The output of `activation` for `input`, which stays as it is.
pub(crate) fn forward(activation: Activation, input: &Tensor) -> Result<Tensor> {
    if activation == Activation::Linear {
        return Ok(input.clone());
    }
    let output = input.copy()?;
    apply(activation, &output)?;
    Ok(output)
}

/// Turns `grad`, the gradient after the activation, into the one before it, in place.
///
/// `input` is needed where [`needs_input`] says so.
pub(crate) fn backward(
    activation: Activation,
    output: &Tensor,
    input: Option<&Tensor>,
    grad: &Tensor,
) -> Result<()> {
    if activation == Activation::Linear {
        return Ok(());
    }
    let width = output.dims().last().copied().unwrap_or(1).max(1);
    let known = view(input.unwrap_or(output))?;
    modify(grad, |grad| {
        for_blocks(grad, width, |at, part| {
            let known = known.get(at..at + part.len()).unwrap_or_default();
            if activation == Activation::Softmax {
                softmax_gradient(width, known, part);
            } else {
                gradient(activation, known, part);
            }
        });
    })?;
    Ok(())
}

fn apply_to_row(activation: Activation, row: &mut [f32]) {
    let each = |row: &mut [f32], f: fn(f32) -> f32| row.iter_mut().for_each(|x| *x = f(*x));
    match activation {
        Activation::Linear => {}
        // A NaN stays, so that it is not lost on its way to the loss.
        Activation::Relu => row
            .iter_mut()
            .for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
        Activation::LeakyRelu { negative_slope } => row
            .iter_mut()
            .for_each(|x| *x = if *x > 0.0 { *x } else { negative_slope * *x }),
        Activation::Elu { alpha } => row.iter_mut().for_each(|x| {
            *x = if *x > 0.0 {
                *x
            } else {
                alpha * libm::expm1f(*x)
            }
        }),
        Activation::Gelu { approximate: true } => each(row, |x| {
            0.5 * x * (1.0 + libm::tanhf(GELU_SCALE * (x + GELU_CUBIC * x * x * x)))
        }),
        Activation::Gelu { approximate: false } => {
            each(row, |x| {
                0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
            });
        }
        Activation::Sigmoid => each(row, sigmoid),
        Activation::Tanh => each(row, libm::tanhf),
        Activation::Softmax => softmax(row),
        Activation::Softplus => each(row, softplus),
        Activation::Swish => each(row, |x| x * sigmoid(x)),
    }
}

/// Multiplies `grad` by the derivative; `known` is the input where [`needs_input`] says so, else the output.
fn gradient(activation: Activation, known: &[f32], grad: &mut [f32]) {
    let times = |grad: &mut [f32], f: &dyn Fn(f32) -> f32| {
        grad.iter_mut().zip(known).for_each(|(g, &k)| *g *= f(k));
    };
    match activation {
        Activation::Linear | Activation::Softmax => {}
        // Zero at zero, as in TensorFlow and PyTorch.
        Activation::Relu => grad
            .iter_mut()
            .zip(known)
            .for_each(|(g, &y)| *g = if y > 0.0 { *g } else { 0.0 }),
        Activation::LeakyRelu { negative_slope } => {
            times(grad, &|y| if y > 0.0 { 1.0 } else { negative_slope });
        }
        Activation::Elu { alpha } => times(grad, &|y| if y > 0.0 { 1.0 } else { y + alpha }),
        Activation::Gelu { approximate: true } => times(grad, &|x| {
            let tanh = libm::tanhf(GELU_SCALE * (x + GELU_CUBIC * x * x * x));
            let inner = GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * x * x);
            0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * inner
        }),
        Activation::Gelu { approximate: false } => times(grad, &|x| {
            let phi = 0.5 * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2));
            // The density of the normal distribution; half of 2/sqrt(π) over sqrt(2).
            let density = 0.5
                * std::f32::consts::FRAC_2_SQRT_PI
                * std::f32::consts::FRAC_1_SQRT_2
                * libm::expf(-0.5 * x * x);
            phi + x * density
        }),
        Activation::Sigmoid => times(grad, &|y| y * (1.0 - y)),
        Activation::Tanh => times(grad, &|y| 1.0 - y * y),
        Activation::Softplus => times(grad, &|y| -libm::expm1f(-y)),
        Activation::Swish => times(grad, &|x| {
            let s = sigmoid(x);
            s * (1.0 + x * (1.0 - s))
        }),
    }
}

fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = libm::expf(*x - largest);
        sum += *x;
    }
    row.iter_mut().for_each(|x| *x /= sum);
}

fn softmax_gradient(width: usize, output: &[f32], grad: &mut [f32]) {
    for (g, y) in grad.chunks_exact_mut(width).zip(output.chunks_exact(width)) {
        let dot: f32 = g.iter().zip(y).map(|(g, y)| g * y).sum();
        for (g, y) in g.iter_mut().zip(y) {
            *g = y * (*g - dot);
        }
    }
}
