use assay_protocol::Parameters;
use safetensors::tensor::{Dtype, SafeTensors};

use super::head::Head;
use super::{Checkpoint, HEAD, TRANSCRIPT, VERSION, metric_name, size, slot_name, weight_name};
use crate::archive::slot_shapes;
use crate::engine::History;
use crate::spec::{Array, ModelSpec, OptimizerState, Weights};

/// Bytes of the header at most: for itself, and for each tensor.
const HEADER_BYTES: u64 = 64 << 10;
const TENSOR_HEADER_BYTES: u64 = 1 << 10;
/// Bytes of the name of a metric at most.
const METRIC_NAME_BYTES: u64 = 1 << 10;

/// Why a checkpoint is not gone on from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

/// Bytes that a checkpoint of this training has at most; no larger file need be opened.
pub fn largest(spec: &ModelSpec, parameters: &Parameters) -> u64 {
    let metrics = metrics_at_most(spec);
    let history = metrics * (u64::from(parameters.epochs) * 8 + METRIC_NAME_BYTES);
    let transcript = (u64::from(parameters.epochs) + 1) * 32;
    size(spec)
        .saturating_add(history)
        .saturating_add(transcript)
        .saturating_add(header_at_most(spec))
}

/// Loss and metrics, each of the training and of the validation.
fn metrics_at_most(spec: &ModelSpec) -> u64 {
    (spec.compile.metrics.len() as u64 + 1) * 2
}

fn header_at_most(spec: &ModelSpec) -> u64 {
    let weights = spec.layers.iter().map(|layer| layer.weights.len() as u64);
    let tensors = weights.sum::<u64>() + slot_shapes(spec).len() as u64 + metrics_at_most(spec) + 1;
    HEADER_BYTES + tensors * TENSOR_HEADER_BYTES + metrics_at_most(spec) * METRIC_NAME_BYTES
}

/// Reads a checkpoint of the training that `belongs_to` names, of this model and with these parameters.
///
/// # Errors
/// [`Unfit`] when it is of another training, or not what [`super::write`] writes.
pub fn read(
    bytes: &[u8],
    belongs_to: &str,
    spec: &ModelSpec,
    parameters: &Parameters,
) -> Result<Checkpoint, Unfit> {
    let unfit = |reason: &str| Unfit(reason.to_owned());
    let header = bytes
        .first_chunk()
        .map(|length| u64::from_le_bytes(*length));
    if header.is_none_or(|length| length > header_at_most(spec)) {
        return Err(unfit("its header is too short or too long"));
    }
    let malformed = |error: &dyn std::fmt::Display| Unfit(format!("it is malformed: {error}"));
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| malformed(&error))?;
    let head = metadata.metadata().as_ref().and_then(|map| map.get(HEAD));
    let head = head.ok_or_else(|| unfit("it does not say what it is of"))?;
    let head: Head = serde_json::from_str(head).map_err(|error| malformed(&error))?;
    if head.version != VERSION || head.belongs_to != belongs_to {
        return Err(unfit(
            "it is of another training, another program or another class of processor",
        ));
    }
    let trained = head.epoch.checked_sub(parameters.initial_epoch);
    let trained = trained.filter(|epochs| *epochs > 0 && head.epoch <= parameters.epochs);
    let trained = trained.ok_or_else(|| unfit("its epoch is not one of this training"))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| malformed(&error))?;
    let weights = weights(&tensors, spec)?;
    let slots = slots(&tensors, spec)?;
    let history = history(&tensors, &head.metrics, spec, trained)?;
    let transcript = transcript(&tensors, trained)?;
    let arrays = weights.layers.iter().map(Vec::len).sum::<usize>() + slots.len();
    if tensors.len() != arrays + head.metrics.len() + 1 || head.iterations < 0 {
        return Err(unfit("it holds more than a checkpoint of this model"));
    }
    Ok(Checkpoint {
        epoch: head.epoch,
        weights,
        optimizer: OptimizerState {
            iterations: head.iterations,
            learning_rate: f32::from_bits(head.learning_rate_bits),
            slots,
        },
        history,
        transcript,
    })
}

/// The digests: one more than epochs were trained.
fn transcript(tensors: &SafeTensors<'_>, trained: u32) -> Result<Vec<[u8; 32]>, Unfit> {
    let tensor = tensors.tensor(TRANSCRIPT);
    let tensor = tensor.map_err(|_| Unfit(format!("{TRANSCRIPT} is missing")))?;
    if tensor.dtype() != Dtype::U8 || tensor.shape() != [trained as usize + 1, 32] {
        return Err(Unfit(format!("{TRANSCRIPT} is not one digest an epoch")));
    }
    Ok(tensor.data().as_chunks().0.to_vec())
}

fn weights(tensors: &SafeTensors<'_>, spec: &ModelSpec) -> Result<Weights, Unfit> {
    let layer = |(place, layer): (usize, &crate::spec::LayerSpec)| {
        let weights = layer.weights.iter().enumerate();
        weights
            .map(|(weight, due)| array(tensors, &weight_name(place, weight), &due.shape))
            .collect()
    };
    let layers: Result<_, Unfit> = spec.layers.iter().enumerate().map(layer).collect();
    Ok(Weights { layers: layers? })
}

fn slots(tensors: &SafeTensors<'_>, spec: &ModelSpec) -> Result<Vec<Array>, Unfit> {
    let shapes = slot_shapes(spec);
    let slots = shapes.iter().enumerate();
    slots
        .map(|(place, due)| array(tensors, &slot_name(place), due))
        .collect()
}

/// The array of this name, which must have this shape.
fn array(tensors: &SafeTensors<'_>, name: &str, due: &[usize]) -> Result<Array, Unfit> {
    let tensor = tensors.tensor(name);
    let tensor = tensor.map_err(|_| Unfit(format!("{name} is missing")))?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != due {
        let shape = tensor.shape();
        return Err(Unfit(format!("{name} has shape {shape:?}, {due:?} is due")));
    }
    let (numbers, _) = tensor.data().as_chunks();
    Ok(Array {
        shape: due.to_vec(),
        data: numbers.iter().map(|n| f32::from_le_bytes(*n)).collect(),
    })
}

/// As many values of a metric as epochs were trained, at most: not every epoch is validated.
fn history(
    tensors: &SafeTensors<'_>,
    names: &[String],
    spec: &ModelSpec,
    trained: u32,
) -> Result<History, Unfit> {
    if names.len() as u64 > metrics_at_most(spec) {
        return Err(Unfit("it has more metrics than the model".to_owned()));
    }
    let metric = |(place, name): (usize, &String)| {
        let tensor = tensors.tensor(&metric_name(place));
        let tensor = tensor.map_err(|_| Unfit(format!("the metric {name:?} is missing")))?;
        let fits = matches!(tensor.shape(), [_] if tensor.dtype() == Dtype::F64);
        let (values, _) = tensor.data().as_chunks();
        if !fits || values.len() > trained as usize {
            return Err(Unfit(format!("the metric {name:?} is not one an epoch")));
        }
        let values = values.iter().map(|n| f64::from_le_bytes(*n)).collect();
        Ok((name.clone(), values))
    };
    let entries: Result<_, Unfit> = names.iter().enumerate().map(metric).collect();
    Ok(History::of(entries?))
}
