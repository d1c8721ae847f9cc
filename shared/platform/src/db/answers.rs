//! What is asked of the database, and what it answers.

use assay_attest::KeyId;
use assay_protocol::EpochReport;

use crate::{
    ids::{JobId, UniqueDir},
    job::{Class, Failure, Priority, Status},
};

/// Which jobs a list shows, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only these statuses; all when empty.
    pub statuses: Vec<Status>,
    /// Only jobs whose `model_name` contains this, ignoring ASCII case.
    pub model_name: Option<String>,
    /// Only jobs older than this one (the last of the page before).
    pub before: Option<JobId>,
    /// Rows of a page.
    pub limit: u32,
}

/// Who wants to run a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claimer<'a> {
    /// The worker's name.
    pub name: &'a str,
    /// The key that it signs with, when it is to be given no job that is for others than this key.
    pub keyid: Option<KeyId>,
    /// The class of jobs that it takes; every class when absent.
    pub class: Option<Class>,
}

/// What came of a wish to have a job reproduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reproducing {
    /// The job that reproduces it: a new one, or the one that was under way.
    pub job: JobId,
    /// Whether it is new.
    pub new: bool,
}

/// What came of a wish to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It had not started and is cancelled.
    AtOnce,
    /// Its worker will stop it.
    Requested,
    /// It had ended before, so.
    AlreadyEnded(Status),
    /// There is no such job.
    NoSuchJob,
}

/// What a worker learns when it renews its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// Still ours.
    Held,
    /// Still ours, and somebody wants the job stopped.
    CancelRequested,
    /// Somebody else's, or ended: nothing of this attempt may be written.
    Lost,
}

/// A status row: what `GET /job_status` answers from.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusRow {
    /// Where the job stands.
    pub status: Status,
    /// Its folder.
    pub unique_dir: UniqueDir,
    /// The last epoch that ended.
    pub progress: Option<EpochReport>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Names of the artifacts to show as `output_artifacts`, in the documented order (completed jobs only).
    pub outputs: Vec<String>,
}

/// A doorbell that has to ring: a job that is queued, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doorbell {
    /// The job.
    pub job: JobId,
    /// What it needs of the machine that runs it.
    pub class: Class,
    /// Where it stands in line.
    pub priority: Priority,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// The row of the outbox: a job that is queued anew gets another.
    pub(super) row: i64,
}
