//! One layer's configuration: what it computes, its output shape and its weights.
//!
//! Shapes are inferred here and only then compared with what the archive claims, so that a lying archive is
//! found before anything of a claimed size is allocated.

mod convolution;
mod merge;
mod normalization;
mod pooling;
mod reshape;
mod simple;

use assay_protocol::{DataLimits, Fault};

use super::activation;
use super::fault;
use super::settings::Settings;
use crate::spec::{LayerKind, Padding};

/// Most axes of an array.
const MAX_RANK: usize = 8;

/// Every supported class besides `InputLayer`, as messages list them.
const SUPPORTED: &str = "InputLayer, Dense, Conv2D, DepthwiseConv2D, MaxPooling2D, AveragePooling2D, \
    GlobalAveragePooling2D, GlobalMaxPooling2D, Flatten, Reshape, Dropout, BatchNormalization, \
    LayerNormalization, Embedding, Activation, ReLU, LeakyReLU, ELU, Softmax, Add, Multiply, Concatenate, \
    Rescaling and ZeroPadding2D";

/// A layer as its settings and inputs make it.
pub(super) struct Built {
    pub(super) kind: LayerKind,
    /// One output row.
    pub(super) output: Vec<usize>,
    /// Name, shape and whether training changes it, in Keras' order.
    pub(super) weights: Vec<(&'static str, Vec<usize>, bool)>,
}

impl Built {
    fn plain(kind: LayerKind, output: Vec<usize>) -> Self {
        Self {
            kind,
            output,
            weights: Vec::new(),
        }
    }
}

/// Builds a layer of `class` on `inputs` (shapes of one row each).
pub(super) fn build(
    class: &str,
    s: &mut Settings<'_>,
    inputs: &[&[usize]],
    limits: &DataLimits,
) -> Result<Built, Fault> {
    if let Some(built) = merge::build(class, s, inputs)? {
        return checked(built, s, limits);
    }
    let &[input] = inputs else {
        return Err(fault::malformed(format!(
            "{} has {} inputs but takes one",
            s.owner,
            inputs.len()
        )));
    };
    let built = match class {
        "Dense" => simple::dense(s, input)?,
        "Embedding" => simple::embedding(s, input)?,
        "Dropout" => simple::dropout(s, input)?,
        "Rescaling" => simple::rescaling(s, input)?,
        "Activation" => {
            let activation = activation::parse(s.get("activation"), &s.owner)?;
            Built::plain(LayerKind::Activation(activation), input.to_vec())
        }
        "Conv2D" => convolution::conv2d(s, input)?,
        "DepthwiseConv2D" => convolution::depthwise(s, input)?,
        "ZeroPadding2D" => convolution::zero_padding(s, input)?,
        "MaxPooling2D" | "AveragePooling2D" => pooling::windowed(class, s, input)?,
        "GlobalAveragePooling2D" | "GlobalMaxPooling2D" => pooling::global(class, s, input)?,
        "BatchNormalization" => normalization::batch(s, input)?,
        "LayerNormalization" => normalization::layer(s, input)?,
        "Flatten" => reshape::flatten(s, input)?,
        "Reshape" => reshape::reshape(s, input)?,
        other => match activation::as_layer(other, s)? {
            Some(activation) => Built::plain(LayerKind::Activation(activation), input.to_vec()),
            None => return Err(unsupported(&s.owner)),
        },
    };
    checked(built, s, limits)
}

/// The fault of a layer class that the trainer does not know.
pub(super) fn unsupported(owner: &str) -> Fault {
    Fault::model(
        "model.unsupported_layer",
        format!("{owner} is not supported; supported layers are {SUPPORTED}"),
    )
}

/// Holds the output and the weights to the limits.
fn checked(built: Built, s: &Settings<'_>, limits: &DataLimits) -> Result<Built, Fault> {
    let within = |shape: &[usize], max: u64| {
        shape.len() <= MAX_RANK && elements(shape).is_some_and(|n| n as u64 <= max)
    };
    if !within(&built.output, limits.values) {
        return Err(Fault::model(
            "limit.model_values",
            format!(
                "{}: one output row of shape {:?} is larger than the limit of {} numbers or {MAX_RANK} axes",
                s.owner, built.output, limits.values
            ),
        ));
    }
    if built
        .weights
        .iter()
        .any(|(_, shape, _)| !within(shape, limits.model_parameters))
    {
        return Err(Fault::model(
            "limit.model_parameters",
            format!(
                "{} has more than {} weights",
                s.owner, limits.model_parameters
            ),
        ));
    }
    Ok(built)
}

/// How many numbers an array of this shape has; `None` on overflow.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))
}

/// The three axes of an image row.
fn image(s: &Settings<'_>, input: &[usize]) -> Result<[usize; 3], Fault> {
    <[usize; 3]>::try_from(input).map_err(|_| {
        fault::malformed(format!(
            "{} needs an input of height, width and channels but gets {input:?}",
            s.owner
        ))
    })
}

/// The `padding` setting of windows.
fn padding(s: &mut Settings<'_>) -> Result<Padding, Fault> {
    Ok(match s.choice("padding", "valid", &["valid", "same"])? {
        "same" => Padding::Same,
        _ => Padding::Valid,
    })
}

/// Output length of one axis under a window of `span` rows moved by `stride`.
fn window(
    s: &Settings<'_>,
    input: usize,
    span: usize,
    stride: usize,
    padding: Padding,
) -> Result<usize, Fault> {
    let last = match padding {
        Padding::Same => input.checked_sub(1),
        Padding::Valid => input.checked_sub(span),
    };
    last.and_then(|n| n.checked_div(stride))
        .and_then(|n| n.checked_add(1))
        .ok_or_else(|| {
            fault::malformed(format!(
                "{}: a window of {span} does not fit into its input of {input}",
                s.owner
            ))
        })
}

/// Settings every 2-D layer must leave at channels-last.
fn channels_last(s: &mut Settings<'_>) -> Result<(), Fault> {
    s.only("data_format", &["channels_last".into()])
}

#[cfg(test)]
mod tests;
