//! A job: what was asked, where it stands, what came of it.

mod class;

use assay_attest::{Digest, KeyId};
use assay_protocol::{EpochReport, Fault, JobRequest, room::OUTPUTS};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::ids::{JobId, UniqueDir};

pub use class::{Class, Priority};

/// How many of [`OUTPUTS`] stand before the AIBoM in a list: the trained model, its metrics, its log.
const DOCUMENTED_OUTPUTS: usize = 3;

/// Where a job stands. Terminal states never change again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted; waits for a worker.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Trained, signed, stored. Terminal.
    Completed,
    /// It cannot be done, and [`Failure`] says why. Terminal.
    Failed,
    /// Somebody stopped it. Terminal.
    Cancelled,
}

impl Status {
    /// The word that people and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of a word; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Running,
            Self::Completed,
            Self::Failed,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
    }

    /// Whether the job has ended.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What an artifact is to its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The model handed in.
    Model,
    /// The data set handed in.
    Dataset,
    /// The data set definition handed in.
    DatasetDefinition,
    /// The request itself, canonical JSON.
    Parameters,
    /// An SBOM of the submitter's own.
    Sbom,
    /// Something the training wrote; its name says what.
    Output,
    /// A checkpoint that was kept; the `run_training` link names it beside its products.
    Checkpoint,
    /// The signed layout that was in force.
    Layout,
    /// The `ingest` link.
    IngestLink,
    /// The `run_training` link.
    TrainingLink,
    /// The `scan_image` link of the image that trained, where the layout asks for one.
    ScanLink,
    /// The signed AIBoM.
    Aibom,
    /// The AIBoM's detached signature.
    AibomSignature,
    /// Signed Statements: provenance and AIBoM.
    Statements,
    /// The model signature over the outputs.
    ModelSignature,
    /// The `witness` link of a job that reproduced another one.
    WitnessLink,
}

impl Role {
    /// Every role, in the order in which artifacts are listed.
    pub const ALL: [Self; 16] = [
        Self::Model,
        Self::Dataset,
        Self::DatasetDefinition,
        Self::Parameters,
        Self::Sbom,
        Self::Output,
        Self::Aibom,
        Self::AibomSignature,
        Self::Statements,
        Self::ModelSignature,
        Self::Layout,
        Self::IngestLink,
        Self::TrainingLink,
        Self::ScanLink,
        Self::WitnessLink,
        Self::Checkpoint,
    ];

    /// The word that the database and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
            Self::DatasetDefinition => "dataset_definition",
            Self::Parameters => "parameters",
            Self::Sbom => "sbom",
            Self::Output => "output",
            Self::Checkpoint => "checkpoint",
            Self::Layout => "layout",
            Self::IngestLink => "ingest_link",
            Self::TrainingLink => "training_link",
            Self::ScanLink => "scan_link",
            Self::Aibom => "aibom",
            Self::AibomSignature => "aibom_signature",
            Self::Statements => "statements",
            Self::ModelSignature => "model_signature",
            Self::WitnessLink => "witness_link",
        }
    }

    /// The role of a word; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// What the proof calls it; `None` for the proof's own files and for checkpoints, which no link names as an artifact.
    pub fn kind(self) -> Option<assay_attest::Role> {
        match self {
            Self::Model => Some(assay_attest::Role::Model),
            Self::Dataset => Some(assay_attest::Role::Dataset),
            Self::DatasetDefinition => Some(assay_attest::Role::DatasetDefinition),
            Self::Parameters => Some(assay_attest::Role::Parameters),
            Self::Sbom => Some(assay_attest::Role::Sbom),
            Self::Output => Some(assay_attest::Role::Output),
            Self::Checkpoint
            | Self::Layout
            | Self::IngestLink
            | Self::TrainingLink
            | Self::ScanLink
            | Self::Aibom
            | Self::AibomSignature
            | Self::Statements
            | Self::ModelSignature
            | Self::WitnessLink => None,
        }
    }

    /// Whether it is shown among a completed job's `output_artifacts`.
    pub fn is_output(self) -> bool {
        matches!(self, Self::Output | Self::Aibom | Self::AibomSignature)
    }
}

/// An artifact of a job: a path, as the links name it, over an object in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// `<unique_dir>/inputs/…`, `<unique_dir>/outputs/…`; proof files lie at `<unique_dir>/<file name>`.
    pub path: String,
    /// What it is to the job.
    pub role: Role,
    /// SHA-256 of its bytes, and its name in the store.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

impl Artifact {
    /// The last component of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Where it stands in a list: the documented order of the outputs, then the roles' own, then the path.
    pub(crate) fn order(&self) -> (usize, usize, &str) {
        let place = |found: Option<usize>| found.unwrap_or(usize::MAX);
        let role = place(Role::ALL.iter().position(|role| *role == self.role));
        // The three that AIBoMGen documents come first, the AIBoM follows, then what is new here.
        let output = place(OUTPUTS.iter().position(|name| *name == self.name()));
        let role = if self.role == Role::Output && output >= DOCUMENTED_OUTPUTS {
            Role::ALL.len()
        } else {
            role
        };
        (role, output, &self.path)
    }
}

/// A job about to be queued, its inputs stored and its `ingest` link signed.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// Its folder.
    pub unique_dir: UniqueDir,
    /// What was asked.
    pub request: JobRequest,
    /// What it needs of the machine that runs it.
    pub class: Class,
    /// Where it stands in line.
    pub priority: Priority,
    /// The trace that it belongs to, as W3C Trace Context writes one (`traceparent`, version 00).
    pub traceparent: Option<String>,
    /// When the upload was complete.
    pub submitted_at: OffsetDateTime,
    /// The three files, the parameters, the layout in force and the `ingest` link.
    pub artifacts: Vec<Artifact>,
}

/// A job about to be queued that trains again what another one trained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReproduction {
    /// Its id.
    pub id: JobId,
    /// Its folder, for the witness's link.
    pub unique_dir: UniqueDir,
    /// The completed job, whose inputs, request, class and priority it shares.
    pub of: JobId,
    /// The ids of the workers' keys that may not run it: who trained, and who is a witness already.
    pub other_than: Vec<KeyId>,
    /// The trace that it belongs to, as W3C Trace Context writes one (`traceparent`, version 00).
    pub traceparent: Option<String>,
    /// When it was asked for.
    pub submitted_at: OffsetDateTime,
}

/// A job as the database knows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Its folder.
    pub unique_dir: UniqueDir,
    /// Where it stands.
    pub status: Status,
    /// What was asked.
    pub request: JobRequest,
    /// What it needs of the machine that runs it.
    pub class: Class,
    /// Where it stands in line.
    pub priority: Priority,
    /// Why it is queued and may not run yet; `None` when nothing speaks against it.
    pub held: Option<String>,
    /// When it may run again, if not at once: after the platform failed it, or when a hold is looked at anew.
    #[serde(with = "time::serde::rfc3339::option")]
    pub not_before: Option<OffsetDateTime>,
    /// The trace that it belongs to, as W3C Trace Context writes one (`traceparent`, version 00).
    pub traceparent: Option<String>,
    /// The epoch of the checkpoint from which the current or last attempt went on; `None` when it began at the start.
    pub resumed_from: Option<u32>,
    /// The job whose training it repeats, as a witness; `None` for a training of its own.
    pub reproduces: Option<JobId>,
    /// Claims so far; the current one's number while running.
    pub attempt: u32,
    /// Attempts that broke off: an expired lease, a worker that crashed, a platform that failed.
    pub lost: u32,
    /// Who holds the lease.
    pub worker: Option<String>,
    /// Whether somebody asked to stop it while it ran.
    pub cancel_requested: bool,
    /// The last epoch that ended.
    pub progress: Option<EpochReport>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When things happened.
    pub times: Times,
    /// How long the parts of the last attempt took.
    pub timings: Option<Timings>,
}

/// When things happened to a job (UTC, milliseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Times {
    /// The upload was complete and the job queued.
    #[serde(with = "time::serde::rfc3339")]
    pub submitted_at: OffsetDateTime,
    /// The current or last attempt was claimed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    /// It reached a terminal state.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
}

/// How long the parts of an attempt took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Fetching the inputs and checking their digests.
    pub fetch_ms: f64,
    /// The sandboxed run, from spawn to exit.
    pub train_ms: f64,
    /// Hashing the outputs, signing, storing: the proof phase.
    pub proof_ms: f64,
}

/// Why a job failed. It is data: stored, shown, never retried when the fault is the user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong, with a stable code.
    #[serde(flatten)]
    pub fault: Fault,
    /// The last lines that the trainer wrote on standard error, if they help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A job that a worker may now run.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The job, `Running`.
    pub job: Job,
    /// This claim's number; every write of the attempt is compared against it.
    pub attempt: u32,
    /// The job's artifacts so far.
    pub artifacts: Vec<Artifact>,
}

/// What a completed attempt leaves, written in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Outputs and proof.
    pub artifacts: Vec<Artifact>,
    /// How long the parts took.
    pub timings: Timings,
}

/// An entry of a job's event log, in the order of `id`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggedEvent {
    /// Grows over the whole database; SSE's `id`.
    pub id: i64,
    /// When it was written.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The attempt that it belongs to; 0 for events of the job itself.
    pub attempt: u32,
    /// What happened.
    pub event: JobEvent,
}

/// What can happen to a job.
#[expect(
    clippy::large_enum_variant,
    reason = "a few at a time, and never in a collection that stays"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobEvent {
    /// The status changed.
    Status {
        /// The new status.
        status: Status,
    },
    /// Somebody asked to stop it while it ran; its worker is told.
    CancelRequested,
    /// The trainer said something (started, epoch, log, …).
    Trainer {
        /// What it said.
        event: assay_protocol::Event,
    },
}
