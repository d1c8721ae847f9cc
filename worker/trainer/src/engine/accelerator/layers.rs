//! From the inputs of a layer to its output, in candle's operations.

use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;

use super::{activation, norm, pooling, window::taps};
use crate::engine::error::Result;
use crate::engine::layers::{
    Window, batch_norm_of, dropout, embedding, first, merge, one_a_column, reshaped,
    scale_and_center, unfit, weight, window_of,
};
use crate::spec::{Activation, LayerKind, LayerSpec};

/// How a forward pass runs.
pub(super) struct Pass<'a> {
    /// With the batch's statistics and dropout.
    pub(super) training: bool,
    /// Dropout draws from it.
    pub(super) stream: Option<&'a mut ChaCha8Rng>,
}

/// Running mean and variance as they are to become.
type Statistics = Option<[Tensor; 2]>;

/// Computes a layer's output.
pub(super) fn forward(
    layer: &LayerSpec,
    inputs: &[&Tensor],
    weights: &[Tensor],
    pass: Pass<'_>,
) -> Result<(Tensor, Statistics)> {
    if let LayerKind::BatchNormalization { .. } = layer.kind {
        let norm = batch_norm_of(&layer.kind, weights)?;
        let input = first(inputs)?;
        let width = input.dims().get(norm.axis + 1).copied().unwrap_or(1);
        let all = [Some(norm.mean), Some(norm.variance), norm.gamma, norm.beta];
        one_a_column(&all, width)?;
        return Ok(norm::batch(&norm, input, pass.training && layer.trainable)?);
    }
    Ok((plain(layer, inputs, weights, pass)?, None))
}

fn plain(
    layer: &LayerSpec,
    inputs: &[&Tensor],
    weights: &[Tensor],
    pass: Pass<'_>,
) -> Result<Tensor> {
    let input = first(inputs)?;
    let window = || window_of(&layer.kind, input);
    Ok(match &layer.kind {
        LayerKind::Input => input.clone(),
        LayerKind::Dense { activation, .. } => {
            let sums = product(input, weight(weights, 0)?)?;
            finish(sums, weights.get(1), *activation)?
        }
        LayerKind::Conv2d { activation, .. } => {
            let sums = convolution(input, &window()?, weight(weights, 0)?)?;
            finish(sums, weights.get(1), *activation)?
        }
        LayerKind::DepthwiseConv2d { activation, .. } => {
            let sums = depthwise(input, &window()?, weight(weights, 0)?)?;
            finish(sums, weights.get(1), *activation)?
        }
        LayerKind::MaxPooling2d { .. } => pooling::max(input, &window()?)?,
        LayerKind::AveragePooling2d { .. } => pooling::average(input, &window()?)?,
        LayerKind::GlobalAveragePooling2d { keepdims } => {
            pooling::global_average(input, *keepdims)?
        }
        LayerKind::GlobalMaxPooling2d { keepdims } => pooling::global_max(input, *keepdims)?,
        LayerKind::Flatten | LayerKind::Reshape => reshaped(input, &layer.output_shape)?,
        LayerKind::Dropout { rate } => match pass.stream {
            Some(stream) if pass.training && *rate > 0.0 => dropped(input, *rate, stream)?,
            _ => input.clone(),
        },
        LayerKind::LayerNormalization {
            epsilon,
            center,
            scale,
        } => {
            let (gamma, beta) = scale_and_center(weights, *scale, *center);
            one_a_column(&[gamma, beta], input.dims().last().copied().unwrap_or(1))?;
            norm::layer(input, *epsilon, gamma, beta)?
        }
        LayerKind::Embedding { .. } => looked_up(input, weight(weights, 0)?)?,
        LayerKind::Activation(kind) => activation::forward(*kind, input)?,
        LayerKind::Add => merge::add(inputs)?,
        LayerKind::Multiply => merge::multiply(inputs)?,
        LayerKind::Concatenate { axis } => merge::concatenate(inputs, *axis)?,
        LayerKind::Rescaling { scale, offset } => {
            input.affine(f64::from(*scale), f64::from(*offset))?
        }
        LayerKind::ZeroPadding2d { padding } => merge::pad(input, *padding)?,
        LayerKind::BatchNormalization { .. } => return Err(unfit("not a plain layer")),
    })
}

fn finish(sums: Tensor, bias: Option<&Tensor>, activation: Activation) -> Result<Tensor> {
    let sums = match bias {
        Some(bias) => sums.broadcast_add(bias)?,
        None => sums,
    };
    Ok(activation::forward(activation, &sums)?)
}

/// `input · kernel` over the last axis of `input`.
fn product(input: &Tensor, kernel: &Tensor) -> Result<Tensor> {
    let (width, units) = kernel.dims2()?;
    let mut shape = input.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = units;
    }
    let rows = input.elem_count() / width.max(1);
    let product = input.reshape((rows, width))?.matmul(kernel)?;
    Ok(product.reshape(shape)?)
}

/// A product over patches: the taps side by side, in the kernel's own order.
fn convolution(input: &Tensor, window: &Window, kernel: &Tensor) -> Result<Tensor> {
    let (height, width, channels, filters) = kernel.dims4()?;
    if [height, width] != window.kernel || channels != window.channels {
        return Err(unfit("the kernel does not fit the input"));
    }
    let patches = Tensor::cat(&taps(input, window)?, 3)?;
    let kernel = kernel.reshape((height * width * channels, filters))?;
    product(&patches, &kernel)
}

/// Output channel `c · multiplier + j` is channel `c` under its kernel `j`.
fn depthwise(input: &Tensor, window: &Window, kernel: &Tensor) -> Result<Tensor> {
    let (height, width, channels, multiplier) = kernel.dims4()?;
    if [height, width] != window.kernel || channels != window.channels {
        return Err(unfit("the kernel does not fit the input"));
    }
    let kernels = kernel.reshape((height * width, channels, multiplier))?;
    let mut sum: Option<Tensor> = None;
    for (place, tap) in taps(input, window)?.into_iter().enumerate() {
        let kernel = kernels
            .narrow(0, place, 1)?
            .reshape((1, 1, 1, channels, multiplier))?;
        let part = tap.unsqueeze(4)?.broadcast_mul(&kernel)?;
        sum = Some(match sum {
            None => part,
            Some(sum) => (sum + part)?,
        });
    }
    let sum = sum.ok_or_else(|| unfit("a window has at least one place"))?;
    let [out_height, out_width] = window.output;
    let shape = (window.rows, out_height, out_width, channels * multiplier);
    Ok(sum.reshape(shape)?)
}

/// Dropout under the mask that the CPU would draw.
fn dropped(input: &Tensor, rate: f32, stream: &mut ChaCha8Rng) -> Result<Tensor> {
    let factor = 1.0 / (1.0 - rate);
    let kept = dropout::mask(input.elem_count(), rate, stream);
    let factors: Vec<f32> = kept
        .into_iter()
        .map(|kept| if kept { factor } else { 0.0 })
        .collect();
    let factors = Tensor::from_vec(factors, input.shape(), input.device())?;
    Ok((input * factors)?)
}

fn looked_up(input: &Tensor, table: &Tensor) -> Result<Tensor> {
    let (rows, width) = table.dims2()?;
    let numbers: Vec<f32> = input.flatten_all()?.to_vec1()?;
    let places: Result<Vec<u32>> = (numbers.into_iter())
        .map(|number| Ok(embedding::place(number, rows)? as u32))
        .collect();
    let places = places?;
    let count = places.len();
    let places = Tensor::from_vec(places, count, table.device())?;
    let mut shape = input.dims().to_vec();
    shape.push(width);
    Ok(table.index_select(&places, 0)?.reshape(shape)?)
}
