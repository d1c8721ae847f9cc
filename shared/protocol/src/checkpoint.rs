use serde::{Deserialize, Serialize};

/// When the trainer writes a checkpoint: after every so many epochs, but not sooner than so many seconds after the one
/// before (or after the start), and only one that is no larger than this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointRule {
    /// Epochs from one checkpoint to the next; 0 for none at all.
    pub every_epochs: u32,
    /// Seconds from one checkpoint to the next at least; longer where writing one takes long. 0: each that is due,
    /// whatever it costs.
    pub min_seconds: u32,
    /// Bytes of one checkpoint at most; a larger one is not written.
    pub max_bytes: u64,
    /// What the training is of: the platform's digest over the inputs and the program that trains. A checkpoint that
    /// says another is not gone on from.
    pub belongs_to: String,
    /// How many of the newest checkpoints stay in `out/` when the training ends well, as outputs of their own. Left out
    /// when 0, so that older trainers understand the rule.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keep: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
