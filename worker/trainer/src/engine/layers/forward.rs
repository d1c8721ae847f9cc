//! From the inputs of a layer to its output.

use candle_core::Tensor;

use super::{
    Mode, Saved, activation, batch_norm_of, conv, dense, depthwise, dropout, embedding, first,
    global_pooling, layer_norm, merge, pooling, scale_and_center, weight, window_of,
};
use crate::engine::error::Result;
use crate::spec::{LayerKind, LayerSpec};

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
            let (window, kernel) = (window_of(&layer.kind, input)?, weight(weights, 0)?);
            conv::forward(input, &window, kernel, weights.get(1), *activation)
        }
        LayerKind::DepthwiseConv2d { activation, .. } => {
            let (window, kernel) = (window_of(&layer.kind, input)?, weight(weights, 0)?);
            depthwise::forward(input, &window, kernel, weights.get(1), *activation)
        }
        LayerKind::MaxPooling2d { .. } => {
            let (output, winners) = pooling::max_forward(input, &window_of(&layer.kind, input)?)?;
            Ok((output, Saved::Winners(winners)))
        }
        LayerKind::AveragePooling2d { .. } => plain(pooling::average_forward(
            input,
            &window_of(&layer.kind, input)?,
        )?),
        LayerKind::GlobalAveragePooling2d { keepdims } => {
            plain(global_pooling::average_forward(input, *keepdims)?)
        }
        LayerKind::GlobalMaxPooling2d { keepdims } => {
            plain(global_pooling::max_forward(input, *keepdims)?)
        }
        LayerKind::Flatten | LayerKind::Reshape => plain(reshaped(input, &layer.output_shape)?),
        LayerKind::Dropout { rate } => dropped(input, *rate, mode),
        LayerKind::BatchNormalization { .. } => {
            let from_batch = matches!(mode, Mode::Training(_)) && layer.trainable;
            batch_norm_of(&layer.kind, weights)?.forward(input, from_batch)
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
        LayerKind::Activation(kind) => plain(activation::forward(*kind, input)?),
        LayerKind::Add => plain(merge::add(inputs)?),
        LayerKind::Multiply => plain(merge::multiply(inputs)?),
        LayerKind::Concatenate { axis } => plain(merge::concatenate(inputs, *axis)?),
        LayerKind::Rescaling { scale, offset } => {
            plain(input.affine(f64::from(*scale), f64::from(*offset))?)
        }
        LayerKind::ZeroPadding2d { padding } => plain(merge::pad(input, *padding)?),
    }
}

/// Dropout, which changes nothing outside training.
fn dropped(input: &Tensor, rate: f32, mode: Mode<'_>) -> Result<(Tensor, Saved)> {
    match mode {
        Mode::Training(Some(stream)) if rate > 0.0 => dropout::forward(input, rate, stream),
        _ => Ok((input.clone(), Saved::Nothing)),
    }
}

/// The same numbers in rows of another shape.
pub(crate) fn reshaped(input: &Tensor, row: &[usize]) -> Result<Tensor> {
    let mut shape = vec![input.dim(0)?];
    shape.extend(row);
    Ok(input.reshape(shape)?)
}
