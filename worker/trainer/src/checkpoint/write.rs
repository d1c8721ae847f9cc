use std::borrow::Cow;
use std::collections::HashMap;

use assay_protocol::Fault;
use safetensors::tensor::{Dtype, View, serialize};

use super::head::Head;
use super::{Checkpoint, HEAD, TRANSCRIPT, VERSION, metric_name, slot_name, weight_name};
use crate::archive::slot_shapes;
use crate::spec::{Array, ModelSpec};

/// Bytes of the numbers of a checkpoint of this model, known before any is copied. The metrics are not counted.
pub fn size(spec: &ModelSpec) -> u64 {
    let weights = spec.layers.iter().flat_map(|layer| &layer.weights);
    let weights: u64 = weights.map(|weight| numbers(&weight.shape)).sum();
    let slots: u64 = slot_shapes(spec).iter().map(|shape| numbers(shape)).sum();
    (weights + slots) * 4
}

fn numbers(shape: &[usize]) -> u64 {
    shape.iter().map(|&n| n as u64).product()
}

/// Writes a checkpoint of the training that `belongs_to` names.
///
/// # Errors
/// A fault of the trainer when it cannot be written.
pub fn write(belongs_to: &str, checkpoint: &Checkpoint) -> Result<Vec<u8>, Fault> {
    let Checkpoint {
        epoch,
        weights,
        optimizer,
        history,
        transcript,
    } = checkpoint;
    let fail = |reason: String| {
        let message = format!("a checkpoint cannot be written: {reason}");
        Fault::without_field("trainer.checkpoint", message)
    };
    let head = Head {
        version: VERSION,
        belongs_to: belongs_to.to_owned(),
        epoch: *epoch,
        iterations: optimizer.iterations,
        learning_rate_bits: optimizer.learning_rate.to_bits(),
        metrics: history.iter().map(|(name, _)| name.to_owned()).collect(),
    };
    let head = serde_json::to_string(&head).map_err(|error| fail(error.to_string()))?;
    let mut tensors = Vec::new();
    for (layer, arrays) in weights.layers.iter().enumerate() {
        for (weight, array) in arrays.iter().enumerate() {
            tensors.push((weight_name(layer, weight), Numbers::of(array)));
        }
    }
    for (place, array) in optimizer.slots.iter().enumerate() {
        tensors.push((slot_name(place), Numbers::of(array)));
    }
    for (place, (_, values)) in history.iter().enumerate() {
        tensors.push((metric_name(place), Numbers::Long([values.len()], values)));
    }
    let digests = Numbers::Bytes([transcript.len(), 32], transcript.as_flattened());
    tensors.push((TRANSCRIPT.to_owned(), digests));
    let metadata = HashMap::from([(HEAD.to_owned(), head)]);
    serialize(tensors, Some(metadata)).map_err(|error| fail(error.to_string()))
}

/// Numbers that become bytes only when they are written, one tensor at a time.
enum Numbers<'a> {
    Short(&'a Array),
    Long([usize; 1], &'a [f64]),
    Bytes([usize; 2], &'a [u8]),
}

impl<'a> Numbers<'a> {
    fn of(array: &'a Array) -> Self {
        Self::Short(array)
    }
}

impl View for Numbers<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Short(_) => Dtype::F32,
            Self::Long(..) => Dtype::F64,
            Self::Bytes(..) => Dtype::U8,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::Short(array) => &array.shape,
            Self::Long(shape, _) => shape,
            Self::Bytes(shape, _) => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Short(array) => array.data.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Self::Long(_, values) => values.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Self::Bytes(_, bytes) => Cow::Borrowed(bytes),
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Self::Short(array) => array.data.len() * 4,
            Self::Long(_, values) => values.len() * 8,
            Self::Bytes(_, bytes) => bytes.len(),
        }
    }
}
