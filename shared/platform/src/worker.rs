//! What workers say of themselves, so that people and other services know of them.

use assay_attest::Digest;
use serde::Serialize;
use std::time::Duration;
use time::OffsetDateTime;

use crate::{ids::JobId, job::Class};

mod name;

pub use name::{process_name, signer_name};

/// A worker, as it describes itself about once a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerRow {
    /// Its name; the same after a restart.
    pub name: String,
    /// The jobs that it can take.
    pub class: Class,
    /// Jobs that it can run at the same time.
    pub slots: u32,
    /// Jobs that it runs now.
    pub running: Vec<JobId>,
    /// Version of the program.
    pub version: String,
    /// The name of the image that it trains in; `None` without containers.
    pub image: Option<String>,
    /// The digest of that image.
    pub image_digest: Option<Digest>,
}

/// A worker, as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerState {
    /// What it last said.
    #[serde(flatten)]
    pub row: WorkerRow,
    /// Whether it is to take no new jobs.
    pub draining: bool,
    /// When it last said something, by the database's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub seen_at: OffsetDateTime,
    /// How long it has said nothing, by the database's clock.
    #[serde(skip)]
    pub silent: Duration,
}
