//! A training in the middle: all that is needed to go on with it as if it had never stopped.
//!
//! A checkpoint is a safetensors file. Its tensors are the weights (`weights/<layer>/<weight>`, by place), what the
//! optimizer remembers (`optimizer/<place>`, in the order of Keras), the metrics so far (`history/<place>`, 64 bits) and the
//! digests of the weights so far (`transcript`, a row of 32 bytes each, the weights as handed in first); its metadata has one entry, [`HEAD`], which says what the training is of and how far it is. Random streams are not
//! in it: each is keyed by its epoch ([`crate::engine::random`]).
//!
//! A checkpoint that is handed back in is an input like any other, so [`read`] holds every name, type and shape
//! against the model before it takes a number.

mod head;
mod read;
mod write;

pub use read::{Unfit, largest, read};
pub use write::{size, write};

use crate::engine::History;
use crate::spec::{OptimizerState, Weights};

/// The entry of the metadata.
const HEAD: &str = "assay-checkpoint";
/// Raised when a reader of the old form would misread the new one.
const VERSION: u32 = 2;
/// The tensor with the digests.
const TRANSCRIPT: &str = "transcript";

/// A training after some epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The last epoch that it holds, counted from 1.
    pub epoch: u32,
    /// The weights after it.
    pub weights: Weights,
    /// What the optimizer remembers.
    pub optimizer: OptimizerState,
    /// The metrics of every epoch so far.
    pub history: History,
    /// SHA-256 of `model.safetensors` as it was before the first epoch and after each so far.
    pub transcript: Vec<[u8; 32]>,
}

fn weight_name(layer: usize, weight: usize) -> String {
    format!("weights/{layer}/{weight}")
}

fn slot_name(place: usize) -> String {
    format!("optimizer/{place}")
}

fn metric_name(place: usize) -> String {
    format!("history/{place}")
}

#[cfg(test)]
mod tests;
