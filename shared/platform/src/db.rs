//! The database: the truth about jobs.
//!
//! Every change of state is one statement that compares the state (and attempt) it starts from, so two
//! workers, or a worker and a canceller, cannot both win.

use std::time::Duration;

use assay_protocol::EpochReport;
use time::OffsetDateTime;

use crate::{
    ids::{JobId, UniqueDir},
    job::{Artifact, Claim, Completion, Failure, Job, JobEvent, LoggedEvent, NewJob, Status, Timings},
};

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Sqlx(#[from] sqlx::Error),
    /// A row holds what this version cannot read.
    #[error("database row of job {id}: {reason}")]
    Corrupt { id: String, reason: String },
}

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

/// The database, by configuration.
#[derive(Debug, Clone)]
pub enum Db {
    /// One file, WAL.
    Sqlite(sqlite::Sqlite),
}

pub mod sqlite;

macro_rules! api {
    ($($(#[$doc:meta])* fn $name:ident(&self $(, $arg:ident : $ty:ty)*) -> $out:ty;)*) => {
        impl Db {
            $($(#[$doc])*
            pub async fn $name(&self $(, $arg: $ty)*) -> Result<$out, DbError> {
                match self { Self::Sqlite(db) => db.$name($($arg),*).await }
            })*
        }
        impl sqlite::Sqlite {
            $(#[allow(unused_variables)] pub(crate) async fn $name(&self $(, $arg: $ty)*) -> Result<$out, DbError> { todo!() })*
        }
    };
}

api! {
    /// Writes a job, its artifacts, its doorbell (outbox) and its first event in one transaction.
    fn insert_job(&self, job: &NewJob) -> ();
    /// The whole job.
    fn job(&self, id: JobId) -> Option<Job>;
    /// The job whose folder this is.
    fn job_of_dir(&self, dir: UniqueDir) -> Option<Job>;
    /// What `GET /job_status` needs, in as few statements as can be.
    fn status(&self, id: JobId) -> Option<StatusRow>;
    /// A page of jobs, newest first.
    fn jobs(&self, filter: &JobFilter) -> Vec<Job>;
    /// Jobs in each status.
    fn counts(&self) -> Vec<(Status, u64)>;
    /// A job's artifacts: of its inputs and of the attempt that completed, in documented order.
    fn artifacts(&self, id: JobId) -> Vec<Artifact>;
    /// Takes a queued job: status, attempt + 1, lease, in one statement. `None` when it is not queued (any more).
    fn claim(&self, id: JobId, worker: &str, lease: Duration) -> Option<Claim>;
    /// Renews the lease of an attempt and records its progress.
    fn heartbeat(&self, id: JobId, attempt: u32, lease: Duration, progress: Option<&EpochReport>) -> Lease;
    /// Completes an attempt: artifacts, timings, status and event in one transaction, if the lease is still ours. `false`: lost, nothing written.
    fn complete(&self, id: JobId, attempt: u32, completion: &Completion) -> bool;
    /// Ends an attempt as failed, if the lease is still ours. Artifacts (logs) may be kept.
    fn fail(&self, id: JobId, attempt: u32, failure: &Failure, artifacts: &[Artifact], timings: &Timings) -> bool;
    /// Ends a running attempt as cancelled, if the lease is still ours.
    fn cancelled(&self, id: JobId, attempt: u32) -> bool;
    /// Puts an attempt's job back in the queue (drain, infrastructure failure), if the lease is still ours.
    fn release(&self, id: JobId, attempt: u32) -> bool;
    /// Puts jobs whose lease ended before `now` back in the queue; those with `max_attempts` behind them fail. Returns the queued ones.
    fn expire_leases(&self, now: OffsetDateTime, max_attempts: u32) -> Vec<JobId>;
    /// Puts every running job of this worker back in the queue, whatever its lease: for a worker that starts anew under a lock of its own.
    fn recover_worker(&self, worker: &str, max_attempts: u32) -> Vec<JobId>;
    /// Cancels a job, or asks its worker to.
    fn cancel(&self, id: JobId) -> Cancelled;
    /// Appends events of an attempt (0 for the job itself), if its lease is still held.
    fn log(&self, id: JobId, attempt: u32, events: &[JobEvent]) -> ();
    /// Events of a job after event `after`, at most `limit`, in order.
    fn events(&self, id: JobId, after: i64, limit: u32) -> Vec<LoggedEvent>;
    /// All queued jobs, oldest first: what an in-process queue starts with.
    fn queued(&self) -> Vec<JobId>;
    /// Doorbells not yet rung, oldest first.
    fn doorbells(&self, limit: u32) -> Vec<JobId>;
    /// Marks doorbells as rung.
    fn rung(&self, ids: &[JobId]) -> ();
}
