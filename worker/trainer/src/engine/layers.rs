//! The layers: forward, and backward from the gradient of the output to those of inputs and weights.
//!
//! Values are contiguous tensors `[rows, …]`, channels last. A gradient that is handed to [`backward`] is
//! shared with nothing, so it may be changed in place. candle's own gradients are not used: some are missing
//! (layer norm, fast softmax), some wrong (max pooling) and some very slow (convolution).

mod activation;
mod backward;
mod batch_norm;
mod conv;
mod dense;
mod depthwise;
pub(super) mod dropout;
pub(super) mod embedding;
mod forward;
mod global_pooling;
mod layer_norm;
pub(super) mod merge;
mod moments;
mod pooling;
mod window;

use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;

pub(crate) use activation::forward as activate;
pub(crate) use backward::backward;
pub(crate) use batch_norm::BatchNorm;
pub(crate) use forward::{forward, reshaped};
pub(crate) use window::Window;

use super::error::Result;
use crate::spec::{LayerKind, Padding};

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

pub(super) fn window_of(kind: &LayerKind, input: &Tensor) -> Result<Window> {
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

pub(super) fn batch_norm_of<'a>(kind: &LayerKind, weights: &'a [Tensor]) -> Result<BatchNorm<'a>> {
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
pub(super) fn scale_and_center(
    weights: &[Tensor],
    scale: bool,
    center: bool,
) -> (Option<&Tensor>, Option<&Tensor>) {
    let gamma = weights.first().filter(|_| scale);
    let beta = weights.get(usize::from(scale)).filter(|_| center);
    (gamma, beta)
}

pub(super) fn first<'a>(inputs: &[&'a Tensor]) -> Result<&'a Tensor> {
    inputs
        .first()
        .copied()
        .ok_or_else(|| unfit("the layer has no input"))
}

pub(super) fn weight(weights: &[Tensor], index: usize) -> Result<&Tensor> {
    weights
        .get(index)
        .ok_or_else(|| unfit("the layer lacks a weight"))
}

pub(super) fn unfit(message: &str) -> super::error::Error {
    candle_core::Error::Msg(message.to_owned()).into()
}

/// Refuses a weight that does not hold one number for each of `width` columns.
pub(super) fn one_a_column(weights: &[Option<&Tensor>], width: usize) -> Result<()> {
    let fits = |weight: &&Tensor| weight.elem_count() == width;
    if weights.iter().flatten().all(fits) {
        return Ok(());
    }
    Err(unfit("a weight does not hold one number for each column"))
}
