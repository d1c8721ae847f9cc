use serde::{Deserialize, Serialize};

/// When a running training is kept, so that a later attempt goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointsConfig {
    /// Epochs from one checkpoint to the next; 0 for none.
    pub every_epochs: u32,
    /// Seconds from one checkpoint to the next at least; longer where writing one takes long. 0: each that is due.
    pub min_seconds: u32,
    /// Bytes of one checkpoint at most; a quarter of `sandbox.limits.output_bytes` if that is less.
    pub max_bytes: u64,
    /// How many of the newest go into the bundle of a job that completes, so that a part of its training can be run again;
    /// 32 at most.
    pub keep: u32,
}
