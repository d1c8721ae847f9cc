use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Fault;

/// One line of the trainer's standard output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The inputs were read and fit together; training begins.
    Started {
        /// The program that trains.
        trainer: TrainerInfo,
        /// The model as handed in.
        model: ModelSummary,
        /// The data as read.
        data: DataSummary,
    },
    /// `check` mode's good end: the inputs fit together.
    Checked {
        /// The model as handed in.
        model: ModelSummary,
        /// The data as read.
        data: DataSummary,
    },
    /// The weights after an epoch that this run does not train: first those handed in (after `initial_epoch`), then, of a
    /// training that it goes on with, those after each epoch that the checkpoint holds.
    Weights {
        /// The epoch, counted from 1; before the first it is 0.
        epoch: u32,
        /// As [`EpochReport::weights_sha256`].
        sha256: String,
    },
    /// An epoch ended.
    Epoch(EpochReport),
    /// Training goes on from the checkpoint that the room holds. Comes before the first epoch, if at all.
    Resumed {
        /// The last epoch of the training that the checkpoint is of, counted from 1.
        epoch: u32,
    },
    /// A checkpoint lies whole in `out/` under the name that [`crate::room::checkpoint`] gives. It may be gone when the
    /// one after the next is written.
    Checkpoint {
        /// The last epoch that it holds, counted from 1.
        epoch: u32,
        /// Its size.
        bytes: u64,
    },
    /// A line for people; also written to `logs.txt`.
    Log {
        /// How serious it is.
        level: LogLevel,
        /// The text, one line.
        message: String,
    },
    /// Training ended well and every output is written.
    Done {
        /// The files in `out/`.
        outputs: Vec<OutputFile>,
        /// The last value of every metric in the history.
        metrics: BTreeMap<String, f64>,
        /// Seconds spent in the epochs.
        training_seconds: f64,
    },
    /// The end, and why.
    Failed(Fault),
}

/// What an epoch gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// The epoch that ended, counted from 1.
    pub epoch: u32,
    /// The number of the last epoch.
    pub of: u32,
    /// `loss`, the compiled metrics and their `val_` twins, by Keras' names.
    pub metrics: BTreeMap<String, f64>,
    /// Wall time of the epoch, validation included.
    pub seconds: f64,
    /// SHA-256 of the weights after it: of the very bytes that `model.safetensors` would have then. Older programs do not
    /// say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
}

/// How serious a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Of interest.
    Info,
    /// Worth a look: the result may not be what was wanted.
    Warning,
}

/// The program that trains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainerInfo {
    /// `assay-trainer`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Version of the candle library it is built with.
    pub candle: String,
    /// The class within which a run repeats bit for bit, as `cpu/x86-64/avx512f+fma/ftz`.
    pub arithmetic: String,
    /// Threads it computes with. The result does not depend on it.
    pub threads: u32,
}

/// What kind of question the model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One of two classes.
    BinaryClassification,
    /// One of several classes.
    MulticlassClassification,
    /// A number.
    Regression,
}

/// A model, described from its own configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// The model's name in its `config.json`.
    pub name: String,
    /// `Sequential` or `Functional`.
    pub class: String,
    /// Version of Keras that wrote the archive, if it says.
    pub keras_version: Option<String>,
    /// Shape of one input row, without the batch.
    pub input_shape: Vec<usize>,
    /// Shape of one output row, without the batch.
    pub output_shape: Vec<usize>,
    /// Every layer in order.
    pub layers: Vec<LayerSummary>,
    /// Numbers that training changes.
    pub trainable_parameters: u64,
    /// Numbers that it does not (running statistics, frozen layers).
    pub non_trainable_parameters: u64,
    /// The optimizer and its settings, as `compile_config` gives them with Keras' defaults filled in.
    pub optimizer: serde_json::Value,
    /// Keras' name of the loss.
    pub loss: String,
    /// Keras' names of the compiled metrics.
    pub metrics: Vec<String>,
    /// What kind of question it answers.
    pub task: Task,
}

/// One layer of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerSummary {
    /// Its name.
    pub name: String,
    /// Its Keras class.
    pub class: String,
    /// Shape of one output row, without the batch.
    pub output_shape: Vec<usize>,
    /// Its numbers, trainable or not.
    pub parameters: u64,
}

/// A data set as read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// `csv`, `image` or `tfrecord`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Rows, images or records.
    pub rows: u64,
    /// Rows that are trained on.
    pub training_rows: u64,
    /// Rows that are only validated on.
    pub validation_rows: u64,
    /// Shape of one input row.
    pub input_shape: Vec<usize>,
    /// Names of the features, in the order in which they enter the model (tables only).
    pub features: Vec<String>,
    /// The label's name (tables and records).
    pub label: Option<String>,
    /// The classes in the order of the model's outputs; empty for regression.
    pub classes: Vec<String>,
    /// `normalize`, `scale`, `clip` as the definition gives them.
    pub preprocessing: serde_json::Value,
}

/// A file that the training left in `out/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// Its name, one of [`crate::room::OUTPUTS`].
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object_with_its_name() {
        let metrics = [("loss".to_owned(), 0.25)].into();
        let event = Event::Epoch(EpochReport {
            epoch: 1,
            of: 5,
            metrics,
            seconds: 0.5,
            weights_sha256: None,
        });
        let text = serde_json::to_string(&event).unwrap();
        let expected =
            r#"{"event":"epoch","epoch":1,"of":5,"metrics":{"loss":0.25},"seconds":0.5}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }

    #[test]
    fn checkpoints_are_named_by_their_epoch() {
        for (event, expected) in [
            (
                Event::Checkpoint {
                    epoch: 3,
                    bytes: 400,
                },
                r#"{"event":"checkpoint","epoch":3,"bytes":400}"#,
            ),
            (
                Event::Resumed { epoch: 3 },
                r#"{"event":"resumed","epoch":3}"#,
            ),
            (
                Event::Weights {
                    epoch: 0,
                    sha256: "00".to_owned(),
                },
                r#"{"event":"weights","epoch":0,"sha256":"00"}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&event).unwrap(), expected);
            assert_eq!(serde_json::from_str::<Event>(expected).unwrap(), event);
        }
    }

    #[test]
    fn a_failure_carries_its_fault() {
        let event = Event::Failed(Fault::dataset("dataset.empty", "the file is empty"));
        let text = serde_json::to_string(&event).unwrap();
        let expected = r#"{"event":"failed","code":"dataset.empty","field":"dataset","message":"the file is empty"}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        let ours = Event::Failed(Fault::without_field("trainer.panic", "x"));
        let text = serde_json::to_string(&ours).unwrap();
        assert!(!text.contains("field"), "{text}");
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), ours);
    }
}
