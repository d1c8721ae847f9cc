//! The database: the truth about jobs.
//!
//! Every change of state is one statement that compares the state (and attempt) it starts from, so two
//! workers, or a worker and a canceller, cannot both win.

pub mod sqlite;

use std::{sync::Arc, time::Duration};

use assay_attest::Digest;
use assay_protocol::EpochReport;
use time::OffsetDateTime;
use tokio::sync::broadcast;

use crate::{
    ids::{JobId, UniqueDir},
    job::{
        Artifact, Claim, Completion, Failure, Job, JobEvent, LoggedEvent, NewJob, Status, Timings,
    },
};

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Sqlx(#[from] sqlx::Error),
    /// A row holds what this version cannot read.
    #[error("database row of job {id}: {reason}")]
    Corrupt {
        /// The job's id, as it is written in the row.
        id: String,
        /// What cannot be read.
        reason: String,
    },
    /// The tables could not be brought to this version.
    #[error("database migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// An object that an artifact's row was to name has not reached the disk.
    #[error("object {digest} could not be written to the disk: {source}")]
    NotDurable {
        /// The object.
        digest: Digest,
        /// What the disk answered.
        source: Arc<std::io::Error>,
    },
    /// A value could not be written as JSON.
    #[error("a value cannot be written to the database: {0}")]
    Encode(#[from] serde_json::Error),
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

/// Every method fails with [`DbError`] only when the database itself does; what a job's state forbids is an answer.
impl Db {
    /// Writes a job, its artifacts, its doorbell (outbox) and its first event in one transaction.
    pub async fn insert_job(&self, job: &NewJob) -> Result<(), DbError> {
        match self {
            Self::Sqlite(db) => db.insert_job(job).await,
        }
    }

    /// The whole job.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, DbError> {
        match self {
            Self::Sqlite(db) => db.job(id).await,
        }
    }

    /// The job whose folder this is.
    pub async fn job_of_dir(&self, dir: UniqueDir) -> Result<Option<Job>, DbError> {
        match self {
            Self::Sqlite(db) => db.job_of_dir(dir).await,
        }
    }

    /// What `GET /job_status` needs, in as few statements as can be.
    pub async fn status(&self, id: JobId) -> Result<Option<StatusRow>, DbError> {
        match self {
            Self::Sqlite(db) => db.status(id).await,
        }
    }

    /// A page of jobs, newest first.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, DbError> {
        match self {
            Self::Sqlite(db) => db.jobs(filter).await,
        }
    }

    /// Jobs in each status.
    pub async fn counts(&self) -> Result<Vec<(Status, u64)>, DbError> {
        match self {
            Self::Sqlite(db) => db.counts().await,
        }
    }

    /// A job's artifacts: of its inputs and of the attempt that completed, in documented order.
    pub async fn artifacts(&self, id: JobId) -> Result<Vec<Artifact>, DbError> {
        match self {
            Self::Sqlite(db) => db.artifacts(id).await,
        }
    }

    /// Takes a queued job: status, attempt + 1, lease, in one statement. `None` when it is not queued (any more).
    pub async fn claim(
        &self,
        id: JobId,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, DbError> {
        match self {
            Self::Sqlite(db) => db.claim(id, worker, lease).await,
        }
    }

    /// Renews the lease of an attempt.
    pub async fn heartbeat(
        &self,
        id: JobId,
        attempt: u32,
        lease: Duration,
    ) -> Result<Lease, DbError> {
        match self {
            Self::Sqlite(db) => db.heartbeat(id, attempt, lease).await,
        }
    }

    /// Completes an attempt: artifacts, timings, status and event in one transaction, if the lease is still ours. `false`: lost, nothing written.
    pub async fn complete(
        &self,
        id: JobId,
        attempt: u32,
        completion: &Completion,
    ) -> Result<bool, DbError> {
        match self {
            Self::Sqlite(db) => db.complete(id, attempt, completion).await,
        }
    }

    /// Ends an attempt as failed, if the lease is still ours. Artifacts (logs) may be kept.
    pub async fn fail(
        &self,
        id: JobId,
        attempt: u32,
        failure: &Failure,
        artifacts: &[Artifact],
        timings: &Timings,
    ) -> Result<bool, DbError> {
        match self {
            Self::Sqlite(db) => db.fail(id, attempt, failure, artifacts, timings).await,
        }
    }

    /// Ends a running attempt as cancelled, if the lease is still ours.
    pub async fn cancelled(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        match self {
            Self::Sqlite(db) => db.cancelled(id, attempt).await,
        }
    }

    /// Puts an attempt's job back in the queue because its worker stops, if the lease is still ours. Not counted in [`Job::lost`].
    pub async fn release(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        match self {
            Self::Sqlite(db) => db.release(id, attempt).await,
        }
    }

    /// Puts an attempt's job back in the queue because the platform failed it, and counts the attempt in [`Job::lost`];
    /// at `max_attempts` of those the job fails with `worker.lost`. `None`: the lease is lost, nothing written.
    ///
    /// `reason` is what went wrong, as the second half of a sentence.
    pub async fn break_off(
        &self,
        id: JobId,
        attempt: u32,
        reason: &str,
        max_attempts: u32,
    ) -> Result<Option<Status>, DbError> {
        match self {
            Self::Sqlite(db) => db.break_off(id, attempt, reason, max_attempts).await,
        }
    }

    /// Puts jobs whose lease ended before `now` back in the queue; those that lost `max_attempts` attempts fail. Returns the queued ones.
    pub async fn expire_leases(
        &self,
        now: OffsetDateTime,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        match self {
            Self::Sqlite(db) => db.expire_leases(now, max_attempts).await,
        }
    }

    /// Puts every running job of this worker back in the queue, whatever its lease: for a worker that starts anew under a lock of its own.
    /// Those that lost `max_attempts` attempts fail. Returns the queued ones.
    pub async fn recover_worker(
        &self,
        worker: &str,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        match self {
            Self::Sqlite(db) => db.recover_worker(worker, max_attempts).await,
        }
    }

    /// Cancels a job, or asks its worker to.
    pub async fn cancel(&self, id: JobId) -> Result<Cancelled, DbError> {
        match self {
            Self::Sqlite(db) => db.cancel(id).await,
        }
    }

    /// Appends events of an attempt (0 for the job itself), if its lease is still held. The last epoch among them is its progress.
    pub async fn log(&self, id: JobId, attempt: u32, events: &[JobEvent]) -> Result<(), DbError> {
        match self {
            Self::Sqlite(db) => db.log(id, attempt, events).await,
        }
    }

    /// Events of a job after event `after`, at most `limit`, in order.
    pub async fn events(
        &self,
        id: JobId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<LoggedEvent>, DbError> {
        match self {
            Self::Sqlite(db) => db.events(id, after, limit).await,
        }
    }

    /// All queued jobs, oldest first: what an in-process queue starts with.
    pub async fn queued(&self) -> Result<Vec<JobId>, DbError> {
        match self {
            Self::Sqlite(db) => db.queued().await,
        }
    }

    /// Doorbells not yet rung, oldest first.
    pub async fn doorbells(&self, limit: u32) -> Result<Vec<JobId>, DbError> {
        match self {
            Self::Sqlite(db) => db.doorbells(limit).await,
        }
    }

    /// Marks doorbells as rung.
    pub async fn rung(&self, ids: &[JobId]) -> Result<(), DbError> {
        match self {
            Self::Sqlite(db) => db.rung(ids).await,
        }
    }

    /// Whether any artifact names this object.
    pub async fn object_is_referenced(&self, digest: Digest) -> Result<bool, DbError> {
        match self {
            Self::Sqlite(db) => db.object_is_referenced(digest).await,
        }
    }

    /// The digests of the objects that artifacts name, of those whose text form begins with these two digits.
    pub async fn objects_under(&self, two_digits: &str) -> Result<Vec<Digest>, DbError> {
        match self {
            Self::Sqlite(db) => db.objects_under(two_digits).await,
        }
    }

    /// Told of a job whenever this process has written something about it. Slow receivers lose the oldest news.
    pub fn subscribe(&self) -> broadcast::Receiver<JobId> {
        match self {
            Self::Sqlite(db) => db.subscribe(),
        }
    }

    /// Whether it can be written to now: begins a write, and rolls it back.
    pub async fn check_writing(&self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(db) => db.check_writing().await,
        }
    }

    /// Writes what is pending and closes the database; later calls fail.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
