//! The layers: forward, and backward from the gradient of the output to those of inputs and weights.
//!
//! Values are contiguous tensors `[rows, …]`, channels last. A gradient that is handed to [`backward`] is
//! shared with nothing, so it may be changed in place. candle's own gradients are not used: some are missing
//! (layer norm, fast softmax), some wrong (max pooling) and some very slow (convolution).

mod activation;
mod batch_norm;
mod conv;
mod dense;
mod depthwise;
mod dropout;
mod embedding;
mod global_pooling;
mod layer_norm;
mod merge;
mod moments;
mod pooling;
mod window;

use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;

pub(crate) use activation::forward as activate;

use super::error::Result;
use crate::spec::{LayerKind, LayerSpec, Padding};
use batch_norm::BatchNorm;
use window::Window;

/// What a layer's forward pass keeps for its backward pass, besides its inputs and output.
pub(crate) enum Saved {
    /// Nothing.
    Nothing,
    /// The numbers before the activation.
    Before(Tensor),
    /// Which tap of its window each number came from.
    Winners(Vec<u32>),
    /// Which numbers were not dropped.
    Kept(Vec<bool>),
    /// Mean and inverse standard deviation; whether they are those of the batch.
    Moments {
        mean: Vec<f32>,
        inverse: Vec<f32>,
        from_batch: bool,
    },
}

/// A gradient for each weight of a layer, in the order of its weights; none for those that have none.
pub(crate) type WeightGradients = Vec<Option<Tensor>>;

/// A layer's gradients.
#[derive(Default)]
pub(crate) struct Gradients {
    /// One for each input, where one was wanted.
    pub(crate) inputs: Vec<Option<Tensor>>,
    /// One for each weight, where any were wanted.
    pub(crate) weights: WeightGradients,
}

/// How a forward pass runs.
pub(crate) enum Mode<'a> {
    /// With running statistics, without dropout.
    Inference,
    /// With the batch's statistics; dropout draws from the layer's stream.
    Training(Option<&'a mut ChaCha8Rng>),
}

/// Which gradients of a layer are of use.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Those of its inputs: something that is trained lies before them.
    pub(crate) inputs: bool,
    /// Those of its weights.
    pub(crate) weights: bool,
}

/// Computes a layer's output.
pub(crate) fn forward(
    layer: &LayerSpec,
    inputs: &[&Tensor],
    weights: &[Tensor],
    mode: Mode<'_>,
) -> Result<(Tensor, Saved)> {
    let input = first(inputs)?;
    let plain = |output: Tensor| Ok((output, Saved::Nothing));
    match &layer.kind {
        LayerKind::Input => plain(input.clone()),
        LayerKind::Dense { activation, .. } => {
            dense::forward(input, weight(weights, 0)?, weights.get(1), *activation)
        }
        LayerKind::Conv2d { activation, .. } => {
            let (window, kernel) = (window(&layer.kind, input)?, weight(weights, 0)?);
            conv::forward(input, &window, kernel, weights.get(1), *activation)
        }
        LayerKind::DepthwiseConv2d { activation, .. } => {
            let (window, kernel) = (window(&layer.kind, input)?, weight(weights, 0)?);
            depthwise::forward(input, &window, kernel, weights.get(1), *activation)
        }
        LayerKind::MaxPooling2d { .. } => {
            let (output, winners) = pooling::max_forward(input, &window(&layer.kind, input)?)?;
            Ok((output, Saved::Winners(winners)))
        }
        LayerKind::AveragePooling2d { .. } => plain(pooling::average_forward(
            input,
            &window(&layer.kind, input)?,
        )?),
        LayerKind::GlobalAveragePooling2d { keepdims } => {
            plain(global_pooling::average_forward(input, *keepdims)?)
        }
        LayerKind::GlobalMaxPooling2d { keepdims } => {
            plain(global_pooling::max_forward(input, *keepdims)?)
        }
        LayerKind::Flatten | LayerKind::Reshape => {
            let mut shape = vec![input.dim(0)?];
            shape.extend(&layer.output_shape);
            plain(input.reshape(shape)?)
        }
        LayerKind::Dropout { rate } => match mode {
            Mode::Training(Some(stream)) if *rate > 0.0 => dropout::forward(input, *rate, stream),
            _ => plain(input.clone()),
        },
        LayerKind::BatchNormalization { .. } => {
            let from_batch = matches!(mode, Mode::Training(_)) && layer.trainable;
            batch_norm(&layer.kind, weights)?.forward(input, from_batch)
        }
        LayerKind::LayerNormalization {
            epsilon,
            center,
            scale,
        } => {
            let (gamma, beta) = scale_and_center(weights, *scale, *center);
            layer_norm::forward(input, *epsilon, gamma, beta)
        }
        LayerKind::Embedding { .. } => plain(embedding::forward(input, weight(weights, 0)?)?),
        LayerKind::Activation(kind) => plain(activate(*kind, input)?),
        LayerKind::Add => plain(merge::add(inputs)?),
        LayerKind::Multiply => plain(merge::multiply(inputs)?),
        LayerKind::Concatenate { axis } => plain(merge::concatenate(inputs, *axis)?),
        LayerKind::Rescaling { scale, offset } => {
            plain(input.affine(f64::from(*scale), f64::from(*offset))?)
        }
        LayerKind::ZeroPadding2d { padding } => plain(merge::pad(input, *padding)?),
    }
}

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
            let window = window(kind, input)?;
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
            let window = window(kind, input)?;
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
        _ => batch_norm(kind, weights)?.backward(input, mean, inverse, *from_batch, grad)?,
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
            &window(&layer.kind, input)?,
            winners,
            &grad,
        )?),
        (LayerKind::AveragePooling2d { .. }, _) => one(pooling::average_backward(
            input,
            &window(&layer.kind, input)?,
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

fn window(kind: &LayerKind, input: &Tensor) -> Result<Window> {
    let (size, strides, dilation, padding) = match *kind {
        LayerKind::Conv2d {
            kernel,
            strides,
            dilation,
            padding,
            ..
        }
        | LayerKind::DepthwiseConv2d {
            kernel,
            strides,
            dilation,
            padding,
            ..
        } => (kernel, strides, dilation, padding),
        LayerKind::MaxPooling2d {
            pool,
            strides,
            padding,
        }
        | LayerKind::AveragePooling2d {
            pool,
            strides,
            padding,
        } => (pool, strides, [1, 1], padding),
        _ => ([1, 1], [1, 1], [1, 1], Padding::Valid),
    };
    Ok(Window::new(input, size, strides, dilation, padding)?)
}

fn batch_norm<'a>(kind: &LayerKind, weights: &'a [Tensor]) -> Result<BatchNorm<'a>> {
    let LayerKind::BatchNormalization {
        axis,
        momentum,
        epsilon,
        center,
        scale,
    } = *kind
    else {
        return Err(unfit("not a batch normalization"));
    };
    let (gamma, beta) = scale_and_center(weights, scale, center);
    let statistics = usize::from(scale) + usize::from(center);
    Ok(BatchNorm {
        axis,
        momentum,
        epsilon,
        gamma,
        beta,
        mean: weight(weights, statistics)?,
        variance: weight(weights, statistics + 1)?,
    })
}

/// Gamma, if there is one, comes before beta, if there is one.
fn scale_and_center(
    weights: &[Tensor],
    scale: bool,
    center: bool,
) -> (Option<&Tensor>, Option<&Tensor>) {
    let gamma = weights.first().filter(|_| scale);
    let beta = weights.get(usize::from(scale)).filter(|_| center);
    (gamma, beta)
}

fn first<'a>(inputs: &[&'a Tensor]) -> Result<&'a Tensor> {
    inputs
        .first()
        .copied()
        .ok_or_else(|| unfit("the layer has no input"))
}

fn weight(weights: &[Tensor], index: usize) -> Result<&Tensor> {
    weights
        .get(index)
        .ok_or_else(|| unfit("the layer lacks a weight"))
}

fn unfit(message: &str) -> super::error::Error {
    candle_core::Error::Msg(message.to_owned()).into()
}
