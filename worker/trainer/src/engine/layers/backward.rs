//! From the gradient of a layer's output to those of its inputs and weights.

use candle_core::Tensor;

use super::{
    Gradients, Saved, Wanted, activation, batch_norm_of, conv, dense, depthwise, dropout,
    embedding, first, global_pooling, layer_norm, merge, pooling, scale_and_center, unfit, weight,
    window_of,
};
use crate::engine::error::Result;
use crate::spec::{LayerKind, LayerSpec};

/// Computes a layer's gradients from `grad`, the gradient of its output.
pub(crate) fn backward(
    layer: &LayerSpec,
    inputs: &[&Tensor],
    output: &Tensor,
    saved: &Saved,
    weights: &[Tensor],
    grad: Tensor,
    wanted: Wanted,
) -> Result<Gradients> {
    let input = first(inputs)?;
    match &layer.kind {
        LayerKind::Dense { .. } | LayerKind::Conv2d { .. } | LayerKind::DepthwiseConv2d { .. } => {
            product_backward(&layer.kind, input, output, saved, weights, &grad, wanted)
        }
        LayerKind::BatchNormalization { .. } | LayerKind::LayerNormalization { .. } => {
            norm_backward(&layer.kind, input, saved, weights, &grad)
        }
        LayerKind::Embedding { .. } => {
            let gradient = embedding::backward(input, weight(weights, 0)?, &grad)?;
            Ok(Gradients {
                inputs: vec![None],
                weights: vec![Some(gradient)],
            })
        }
        _ if !wanted.inputs => Ok(Gradients::default()),
        _ => {
            let inputs = plain_backward(layer, inputs, output, saved, grad)?;
            let inputs = inputs.into_iter().map(Some).collect();
            Ok(Gradients {
                inputs,
                weights: Vec::new(),
            })
        }
    }
}

fn product_backward(
    kind: &LayerKind,
    input: &Tensor,
    output: &Tensor,
    saved: &Saved,
    weights: &[Tensor],
    grad: &Tensor,
    wanted: Wanted,
) -> Result<Gradients> {
    let (kernel, biased) = (weight(weights, 0)?, weights.len() > 1);
    let (LayerKind::Dense { activation, .. }
    | LayerKind::Conv2d { activation, .. }
    | LayerKind::DepthwiseConv2d { activation, .. }) = kind
    else {
        return Err(unfit("not a product layer"));
    };
    let before = match saved {
        Saved::Before(before) => Some(before),
        _ => None,
    };
    activation::backward(*activation, output, before, grad)?;
    let (wants_input, wants_weights) = (wanted.inputs, wanted.weights);
    let (input, weights) = match kind {
        LayerKind::Dense { .. } => {
            dense::backward(input, kernel, biased, grad, wants_input, wants_weights)?
        }
        LayerKind::Conv2d { .. } => {
            let window = window_of(kind, input)?;
            conv::backward(
                input,
                &window,
                kernel,
                biased,
                grad,
                wants_input,
                wants_weights,
            )?
        }
        _ => {
            let window = window_of(kind, input)?;
            depthwise::backward(
                input,
                &window,
                kernel,
                biased,
                grad,
                wants_input,
                wants_weights,
            )?
        }
    };
    Ok(Gradients {
        inputs: vec![input],
        weights,
    })
}

fn norm_backward(
    kind: &LayerKind,
    input: &Tensor,
    saved: &Saved,
    weights: &[Tensor],
    grad: &Tensor,
) -> Result<Gradients> {
    let Saved::Moments {
        mean,
        inverse,
        from_batch,
    } = saved
    else {
        return Err(unfit("the moments were not kept"));
    };
    let (input, weights) = match kind {
        LayerKind::LayerNormalization { center, scale, .. } => {
            let (gamma, _) = scale_and_center(weights, *scale, *center);
            layer_norm::backward(input, mean, inverse, gamma, *center, grad)?
        }
        _ => batch_norm_of(kind, weights)?.backward(input, mean, inverse, *from_batch, grad)?,
    };
    Ok(Gradients {
        inputs: vec![Some(input)],
        weights,
    })
}

/// The gradients of the inputs of a layer without weights.
fn plain_backward(
    layer: &LayerSpec,
    inputs: &[&Tensor],
    output: &Tensor,
    saved: &Saved,
    grad: Tensor,
) -> Result<Vec<Tensor>> {
    let input = first(inputs)?;
    let one = |gradient: Tensor| Ok(vec![gradient]);
    match (&layer.kind, saved) {
        (LayerKind::MaxPooling2d { .. }, Saved::Winners(winners)) => one(pooling::max_backward(
            input,
            &window_of(&layer.kind, input)?,
            winners,
            &grad,
        )?),
        (LayerKind::AveragePooling2d { .. }, _) => one(pooling::average_backward(
            input,
            &window_of(&layer.kind, input)?,
            &grad,
        )?),
        (LayerKind::GlobalAveragePooling2d { .. }, _) => {
            one(global_pooling::average_backward(input, &grad)?)
        }
        (LayerKind::GlobalMaxPooling2d { .. }, _) => {
            one(global_pooling::max_backward(input, output, &grad)?)
        }
        (LayerKind::Flatten | LayerKind::Reshape, _) => one(grad.reshape(input.dims())?),
        (LayerKind::Dropout { rate }, Saved::Kept(kept)) => {
            dropout::backward(*rate, kept, &grad)?;
            one(grad)
        }
        (LayerKind::Activation(kind), _) => {
            activation::backward(
                *kind,
                output,
                activation::needs_input(*kind).then_some(input),
                &grad,
            )?;
            one(grad)
        }
        (LayerKind::Add, _) => {
            let mut copies = Vec::with_capacity(inputs.len());
            for _ in inputs {
                copies.push(grad.copy()?);
            }
            Ok(copies)
        }
        (LayerKind::Multiply, _) => merge::multiply_backward(inputs, &grad),
        (LayerKind::Concatenate { axis }, _) => merge::concatenate_backward(inputs, *axis, &grad),
        (LayerKind::Rescaling { scale, .. }, _) => one(grad.affine(f64::from(*scale), 0.0)?),
        (LayerKind::ZeroPadding2d { padding }, _) => {
            one(merge::pad_backward(input, *padding, &grad)?)
        }
        // An input, or dropout that dropped nothing.
        _ => one(grad),
    }
}
