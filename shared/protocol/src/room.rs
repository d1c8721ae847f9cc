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

/// The name in `out/` of the checkpoint after this epoch (counted from 1). None is left there by a training that ended
/// well.
pub fn checkpoint(epoch: u32) -> String {
    format!("checkpoint-{epoch}.safetensors")
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
