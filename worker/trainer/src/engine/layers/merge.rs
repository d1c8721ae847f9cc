//! Layers that join several inputs, and zero padding.

use candle_core::Tensor;

use crate::engine::error::Result;

/// The sum of tensors of one shape.
pub(crate) fn add(inputs: &[&Tensor]) -> Result<Tensor> {
    fold(inputs, |sum, input| sum + input)
}

/// The product of tensors of one shape.
pub(crate) fn multiply(inputs: &[&Tensor]) -> Result<Tensor> {
    fold(inputs, |product, input| product * input)
}

fn fold(
    inputs: &[&Tensor],
    join: impl Fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
) -> Result<Tensor> {
    let Some((first, rest)) = inputs.split_first() else {
        return Err(candle_core::Error::Msg("nothing to join".to_owned()).into());
    };
    let mut result = (*first).clone();
    for input in rest {
        result = join(&result, input)?;
    }
    Ok(result)
}

/// The gradient of each factor: the gradient times the other factors.
pub(crate) fn multiply_backward(inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>> {
    let mut gradients = Vec::with_capacity(inputs.len());
    for own in 0..inputs.len() {
        let mut gradient = grad.copy()?;
        for (other, input) in inputs.iter().enumerate() {
            if other != own {
                gradient = (&gradient * *input)?;
            }
        }
        gradients.push(gradient);
    }
    Ok(gradients)
}

/// The inputs side by side along `axis` of one row.
pub(crate) fn concatenate(inputs: &[&Tensor], axis: usize) -> Result<Tensor> {
    Ok(Tensor::cat(inputs, axis + 1)?.contiguous()?)
}

/// The gradient cut where the inputs meet.
pub(crate) fn concatenate_backward(
    inputs: &[&Tensor],
    axis: usize,
    grad: &Tensor,
) -> Result<Vec<Tensor>> {
    let mut from = 0;
    let mut gradients = Vec::with_capacity(inputs.len());
    for input in inputs {
        let length = input.dim(axis + 1)?;
        gradients.push(grad.narrow(axis + 1, from, length)?.contiguous()?.copy()?);
        from += length;
    }
    Ok(gradients)
}

/// Zeros around height and width.
pub(crate) fn pad(input: &Tensor, padding: [[usize; 2]; 2]) -> Result<Tensor> {
    // Height and width are axes 1 and 2 of four.
    input.dims4()?;
    let [[top, bottom], [left, right]] = padding;
    let padded = input.pad_with_zeros(1, top, bottom)?;
    Ok(padded.pad_with_zeros(2, left, right)?.contiguous()?)
}

/// The gradient without the border.
pub(crate) fn pad_backward(
    input: &Tensor,
    padding: [[usize; 2]; 2],
    grad: &Tensor,
) -> Result<Tensor> {
    let (_, height, width, _) = input.dims4()?;
    let [[top, _], [left, _]] = padding;
    let inner = grad.narrow(1, top, height)?.narrow(2, left, width)?;
    Ok(inner.contiguous()?.copy()?)
}
