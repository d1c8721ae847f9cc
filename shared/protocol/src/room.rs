//! The names of the files in the room. They are fixed, so no name that a user chose is ever a path there.

/// The model as handed in: a Keras 3 `.keras` archive.
pub const MODEL: &str = "model";
/// The data set as handed in: CSV, zip of class folders, or TFRecord, as the definition says.
pub const DATASET: &str = "dataset";
/// The data set definition (YAML).
pub const DEFINITION: &str = "dataset_definition";
/// The job's request, canonical JSON of [`crate::JobRequest`]; a material of the `run_training` step.
pub const PARAMETERS: &str = "parameters.json";
/// Optional: limits on what the trainer may read, JSON of [`crate::DataLimits`].
pub const LIMITS: &str = "limits.json";

/// Optional: how often to write checkpoints, JSON of [`crate::CheckpointRule`]. Absent: never.
pub const CHECKPOINT_RULE: &str = "checkpoints.json";
/// Optional: the checkpoint from which to go on, as an earlier attempt wrote it.
pub const CHECKPOINT: &str = "checkpoint";

/// The name in `out/` of the checkpoint after this epoch (counted from 1). A training that ended well leaves there as many
/// as [`crate::CheckpointRule::keep`] says.
pub fn checkpoint(epoch: u32) -> String {
    format!("checkpoint-{epoch}.safetensors")
}

/// The epoch of a name that [`checkpoint`] gave; `None` for every other name.
pub fn checkpoint_epoch(name: &str) -> Option<u32> {
    let number = name
        .strip_prefix("checkpoint-")?
        .strip_suffix(".safetensors")?
        .parse()
        .ok()?;
    (checkpoint(number) == name).then_some(number)
}

/// The trained model as a Keras 3 archive.
pub const TRAINED_MODEL: &str = "trained_model.keras";
/// The trained weights as safetensors.
pub const WEIGHTS: &str = "model.safetensors";
/// The architecture that [`WEIGHTS`] belong to.
pub const ARCHITECTURE: &str = "model.json";
/// History per epoch, as Keras' `History.history` has it.
pub const METRICS: &str = "metrics.json";
/// What the training printed.
pub const LOGS: &str = "logs.txt";
/// Every step from a raw row to the model's input: column order, classes, fitted statistics.
pub const PREPROCESSING: &str = "preprocessing.json";

/// All files that a successful training leaves in `out/`, in the order in which they are listed to people.
pub const OUTPUTS: [&str; 6] = [
    TRAINED_MODEL,
    METRICS,
    LOGS,
    WEIGHTS,
    ARCHITECTURE,
    PREPROCESSING,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_has_one_name() {
        assert_eq!(checkpoint_epoch(&checkpoint(12)), Some(12));
        for other in [
            "checkpoint-012.safetensors",
            "checkpoint-+1.safetensors",
            "checkpoint-.safetensors",
            "model.safetensors",
        ] {
            assert_eq!(checkpoint_epoch(other), None, "{other}");
        }
    }
}
