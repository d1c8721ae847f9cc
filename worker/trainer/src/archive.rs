//! Keras archives: in, a `.keras` file of unknown origin; out, the trained model.
//!
//! [`read`] opens the zip ([`container`]), parses `config.json` ([`strict_json`], [`model`], [`graph`],
//! [`layers`], [`compile`]) and only then, with every shape known, the weights ([`hdf5`], [`weights`]).
//! A setting that the trainer does not honour is a fault, never ignored. [`write`], [`safetensors`] and
//! [`architecture`] write what training gave; [`untrained`] makes a model from its configuration alone.

mod activation;
mod compile;
mod container;
mod export;
mod fault;
mod graph;
mod hdf5;
mod layers;
mod model;
mod naming;
mod object;
mod settings;
mod state;
mod strict_json;
mod summary;
mod untrained;
mod weights;
mod write;

use assay_protocol::{DataLimits, Fault};

pub use export::{architecture, safetensors, safetensors_digest};
pub use state::{fresh_state, slot_shapes};
pub use summary::summary;
pub use untrained::{initial_weights, untrained};
pub use write::write;

use crate::spec::{ModelSpec, OptimizerState, Weights};

/// Bytes of `metadata.json` at most; Keras writes about 70.
const METADATA_BYTES: u64 = 64 << 10;
/// Bytes that HDF5 needs besides the numbers: in all, and for each layer.
const HDF5_OVERHEAD: u64 = 4 << 20;
const HDF5_LAYER_OVERHEAD: u64 = 64 << 10;
/// Arrays a weight at most: itself and three that an optimizer keeps.
const ARRAYS_A_WEIGHT: u64 = 4;

/// A Keras archive as read.
#[derive(Debug, Clone, PartialEq)]
pub struct KerasArchive {
    /// `config.json`, byte for byte.
    pub config: Vec<u8>,
    /// `metadata.json`, byte for byte.
    pub metadata: Vec<u8>,
    /// The model that the configuration describes.
    pub spec: ModelSpec,
    /// Its weights.
    pub weights: Weights,
    /// What its optimizer remembers, if it has taken steps and the state fits the model.
    pub optimizer: Option<OptimizerState>,
    /// What was left out and why, one sentence each, for the log.
    pub notes: Vec<String>,
}

/// Reads a `.keras` archive (Keras 3.0 to 3.15, Sequential or Functional, one input, one output, compiled).
///
/// # Errors
/// `model.malformed` for a file that is not such an archive, `model.custom_object`, `model.unsupported_*`,
/// `model.not_compiled` and others for what the trainer refuses, `limit.*` for what is too large. All name
/// the layer or setting at fault.
pub fn read(bytes: &[u8], limits: &DataLimits) -> Result<KerasArchive, Fault> {
    let mut zip = container::Container::open(bytes)?;
    let metadata = zip.read(container::METADATA, METADATA_BYTES)?;
    let keras_version = keras_version(&metadata)?;
    let config = zip.read(container::CONFIG, limits.model_config_bytes)?;
    let value = strict_json::parse(&config, limits.model_config_bytes).map_err(|e| {
        fault::malformed(format!("config.json cannot be read: {}", fault::short(&e)))
    })?;
    let spec = model::read(&value, keras_version, limits)?;
    let numbers: u64 = summary::parameters(&spec);
    let most = numbers
        .saturating_mul(4 * ARRAYS_A_WEIGHT)
        .saturating_add(HDF5_OVERHEAD)
        .saturating_add((spec.layers.len() as u64).saturating_mul(HDF5_LAYER_OVERHEAD));
    let h5 = zip.read(container::WEIGHTS, most)?;
    let mut read = hdf5::with_tree(h5, |tree| weights::read(tree, &spec))?;
    read.notes
        .extend(compile::note(value.get("compile_config")));
    Ok(KerasArchive {
        config,
        metadata,
        spec,
        weights: read.weights,
        optimizer: read.optimizer,
        notes: read.notes,
    })
}

/// The version that `metadata.json` gives; Keras 2 wrote archives of another form under the same suffix.
fn keras_version(metadata: &[u8]) -> Result<Option<String>, Fault> {
    let value = strict_json::parse(metadata, METADATA_BYTES).map_err(|e| {
        fault::malformed(format!(
            "metadata.json cannot be read: {}",
            fault::short(&e)
        ))
    })?;
    let Some(version) = value
        .get("keras_version")
        .and_then(serde_json::Value::as_str)
    else {
        return Ok(None);
    };
    if version.starts_with("3.") {
        return Ok(Some(fault::short(version)));
    }
    Err(Fault::model(
        "model.keras_version",
        format!(
            "the model was saved by Keras {:?}; load and save it again with Keras 3",
            fault::short(version)
        ),
    ))
}

#[cfg(test)]
mod tests;
