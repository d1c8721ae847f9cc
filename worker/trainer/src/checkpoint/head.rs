use serde::{Deserialize, Serialize};

/// What the numbers of a checkpoint are of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) version: u32,
    /// What was trained by what: inputs, programs, arithmetic.
    pub(super) belongs_to: String,
    /// Counted from 1.
    pub(super) epoch: u32,
    /// Steps that the optimizer has taken.
    pub(super) iterations: i64,
    /// The bits of its learning rate: no text between the number and the number.
    pub(super) learning_rate_bits: u32,
    /// The names of the metrics, in the order of the history.
    pub(super) metrics: Vec<String>,
}
