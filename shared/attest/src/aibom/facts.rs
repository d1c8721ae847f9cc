use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{ImageFacts, SuppliedSbom};
use crate::{Digest, Role};

/// Everything that an AIBoM says, as it was measured or given. Nothing is looked up while the document is built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The job.
    pub job_id: String,
    /// The job's folder, first component of every artifact's path.
    pub unique_dir: String,
    /// Serial number of the document.
    pub serial_number: Uuid,
    /// The program that writes the document.
    pub producer: Producer,
    /// When things happened.
    pub times: Times,
    /// The job's request, the very value of the artifact `parameters.json`:
    /// `{"framework": …, "metadata": {…}, "parameters": {…}}`.
    pub request: Value,
    /// Every input and output, as the links name them.
    pub artifacts: Vec<ArtifactFacts>,
    /// The model as handed in.
    pub model: ModelFacts,
    /// The data as read.
    pub data: DataFacts,
    /// The last value of every metric of the history, by Keras' names (`val_…` of the validation split).
    pub metrics: BTreeMap<String, f64>,
    /// The program that trained.
    pub trainer: TrainerFacts,
    /// Where it trained: host, kernel, processor, memory, …, in the order to be listed.
    pub environment: Vec<EnvironmentFact>,
    /// What kept the training apart from everything else, held or not.
    pub isolation: Vec<IsolationFact>,
    /// The energy that was used while it trained; `None` when nothing of it was measured.
    #[serde(default)]
    pub energy: Option<EnergyFacts>,
    /// The earlier training that this one went on with.
    #[serde(default)]
    pub resumed_from: Option<ResumedFrom>,
    /// The image that the training ran in; absent where it ran in none.
    #[serde(default)]
    pub image: Option<ImageFacts>,
    /// What the submitter's own SBOM names, where one was handed in.
    #[serde(default)]
    pub sbom: Option<SuppliedSbom>,
    /// The `ingest` link.
    pub ingest_link: LinkRef,
    /// The `run_training` link.
    pub training_link: LinkRef,
    /// The `scan_image` link, where the layout asks for one.
    #[serde(default)]
    pub scan_link: Option<LinkRef>,
    /// SHA-256 of the model signature over the outputs; absent where there is none.
    #[serde(default)]
    pub model_signature: Option<Digest>,
}

/// The program that writes the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Producer {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// When things happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The upload was complete and the job queued.
    #[serde(with = "time::serde::rfc3339")]
    pub queued: OffsetDateTime,
    /// The training's process was started.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// It had ended.
    #[serde(with = "time::serde::rfc3339")]
    pub finished: OffsetDateTime,
    /// The document was written.
    #[serde(with = "time::serde::rfc3339")]
    pub documented: OffsetDateTime,
}

/// An artifact as the links name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFacts {
    /// What it is to the job.
    pub role: Role,
    /// Its path.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A link file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRef {
    /// Its name, `<step>.<keyid8>.link`.
    pub file_name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// A model, described from its own configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Its name in its configuration.
    pub name: String,
    /// `Sequential` or `Functional`.
    pub class: String,
    /// Version of Keras that wrote it, if it says.
    pub keras_version: Option<String>,
    /// Shape of one input row, without the batch.
    pub input_shape: Vec<u64>,
    /// Shape of one output row, without the batch.
    pub output_shape: Vec<u64>,
    /// Every layer in order.
    pub layers: Vec<LayerFacts>,
    /// Numbers that training changes.
    pub trainable_parameters: u64,
    /// Numbers that it does not.
    pub non_trainable_parameters: u64,
    /// The optimizer and its settings.
    pub optimizer: Value,
    /// Keras' name of the loss.
    pub loss: String,
    /// Keras' names of the compiled metrics.
    pub metrics: Vec<String>,
    /// `binary-classification`, `multiclass-classification` or `regression`.
    pub task: String,
}

/// One layer of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFacts {
    /// Its name.
    pub name: String,
    /// Its Keras class.
    pub class: String,
    /// Shape of one output row, without the batch.
    pub output_shape: Vec<u64>,
    /// Its numbers, trainable or not.
    pub parameters: u64,
}

/// A data set as read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataFacts {
    /// `csv`, `image` or `tfrecord`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Rows, images or records.
    pub rows: u64,
    /// Rows that were trained on.
    pub training_rows: u64,
    /// Rows that were only validated on.
    pub validation_rows: u64,
    /// Shape of one input row.
    pub input_shape: Vec<u64>,
    /// Names of the features in the order in which they enter the model.
    pub features: Vec<String>,
    /// The label's name.
    pub label: Option<String>,
    /// The classes in the order of the model's outputs; empty for regression.
    pub classes: Vec<String>,
    /// `normalize`, `scale`, `clip` as the definition gives them.
    pub preprocessing: Value,
}

/// The program that trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainerFacts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Version of the candle library in it.
    pub candle: String,
    /// The class of arithmetic within which a run repeats bit for bit.
    pub arithmetic: String,
    /// Threads it computed with.
    pub threads: u32,
    /// SHA-256 of the program's file, the text of a [`Digest`].
    pub sha256: Measured,
}

/// Something that was to be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// It was.
    Value(String),
    /// It could not be.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// One fact of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFact {
    /// What it is: `kernel`, `processor`, `memory-bytes`, …
    pub name: String,
    /// What it was.
    pub value: Measured,
}

/// The energy that was used while a training ran, as counters gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnergyFacts {
    /// Microjoules of the processors, where they were measured.
    pub cpu_microjoules: Option<u64>,
    /// Millijoules of the graphics processors, where they were measured.
    pub gpu_millijoules: Option<u64>,
    /// What the counters cover, in words: they know machines, not jobs.
    pub scope: String,
}

/// A checkpoint of an earlier attempt, from which a training went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumedFrom {
    /// The last epoch that is in it, counted from 1.
    pub epoch: u32,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// The key id of the worker that signed it.
    pub worker_keyid: String,
}

/// One mechanism of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolationFact {
    /// `landlock`, `seccomp`, `network-namespace`, …
    pub mechanism: String,
    /// Whether it held while the training ran.
    pub held: bool,
    /// What it was set to, or why it did not hold.
    #[serde(default)]
    pub detail: Option<String>,
}
