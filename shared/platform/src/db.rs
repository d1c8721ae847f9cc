//! The database: the truth about jobs.
//!
//! Every change of state is one statement that compares the state (and attempt) it starts from, so two
//! workers, or a worker and a canceller, cannot both win.

pub mod sqlite;

use std::time::Duration;

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
        /// The job.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The tables could not be brought to this version.
    #[error("database migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
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

/// The database.
#[derive(Debug, Clone)]
pub struct Db {
    backend: Backend,
    news: broadcast::Sender<JobId>,
}

/// The database, by configuration.
#[derive(Debug, Clone)]
pub enum Backend {
    /// One file, WAL.
    Sqlite(sqlite::Sqlite),
}

/// One method a question or change; what each variant does for it has the same name.
impl Db {
    /// A database over a backend.
    pub fn new(backend: Backend) -> Self {
        Self {
            backend,
            news: broadcast::channel(1024).0,
        }
    }

    /// Told of a job whenever this process wrote something of it.
    pub fn subscribe(&self) -> broadcast::Receiver<JobId> {
        self.news.subscribe()
    }

    fn tell(&self, id: JobId) {
        // Nobody listening is fine.
        let _listeners = self.news.send(id);
    }

    /// Writes a job, its artifacts, its doorbell (outbox) and its first event in one transaction.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn insert_job(&self, job: &NewJob) -> Result<(), DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.insert_job(job).await?,
        };
        self.tell(job.id);
        Ok(result)
    }

    /// The whole job.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.job(id).await,
        }
    }

    /// The job whose folder this is.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn job_of_dir(&self, dir: UniqueDir) -> Result<Option<Job>, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.job_of_dir(dir).await,
        }
    }

    /// What `GET /job_status` needs, in as few statements as can be.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn status(&self, id: JobId) -> Result<Option<StatusRow>, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.status(id).await,
        }
    }

    /// A page of jobs, newest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.jobs(filter).await,
        }
    }

    /// Jobs in each status.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn counts(&self) -> Result<Vec<(Status, u64)>, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.counts().await,
        }
    }

    /// A job's artifacts: of its inputs and of the attempt that completed, in documented order.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn artifacts(&self, id: JobId) -> Result<Vec<Artifact>, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.artifacts(id).await,
        }
    }

    /// Takes a queued job: status, attempt + 1, lease, in one statement. `None` when it is not queued (any more).
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn claim(
        &self,
        id: JobId,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.claim(id, worker, lease).await?,
        };
        self.tell(id);
        Ok(result)
    }

    /// Renews the lease of an attempt and records its progress.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn heartbeat(
        &self,
        id: JobId,
        attempt: u32,
        lease: Duration,
        progress: Option<&EpochReport>,
    ) -> Result<Lease, DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.heartbeat(id, attempt, lease, progress).await?,
        };
        self.tell(id);
        Ok(result)
    }

    /// Completes an attempt: artifacts, timings, status and event in one transaction, if the lease is still ours. `false`: lost, nothing written.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn complete(
        &self,
        id: JobId,
        attempt: u32,
        completion: &Completion,
    ) -> Result<bool, DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.complete(id, attempt, completion).await?,
        };
        self.tell(id);
        Ok(result)
    }

    /// Ends an attempt as failed, if the lease is still ours. Artifacts (logs) may be kept.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn fail(
        &self,
        id: JobId,
        attempt: u32,
        failure: &Failure,
        artifacts: &[Artifact],
        timings: &Timings,
    ) -> Result<bool, DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.fail(id, attempt, failure, artifacts, timings).await?,
        };
        self.tell(id);
        Ok(result)
    }

    /// Ends a running attempt as cancelled, if the lease is still ours.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn cancelled(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.cancelled(id, attempt).await?,
        };
        self.tell(id);
        Ok(result)
    }

    /// Puts an attempt's job back in the queue (drain, infrastructure failure), if the lease is still ours.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn release(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.release(id, attempt).await?,
        };
        self.tell(id);
        Ok(result)
    }

    /// Puts jobs whose lease ended before `now` back in the queue; those with `max_attempts` behind them fail. Returns the queued ones.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn expire_leases(
        &self,
        now: OffsetDateTime,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.expire_leases(now, max_attempts).await?,
        };
        result.iter().for_each(|id| self.tell(*id));
        Ok(result)
    }

    /// Puts every running job of this worker back in the queue, whatever its lease: for a worker that starts anew under a lock of its own.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn recover_worker(
        &self,
        worker: &str,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.recover_worker(worker, max_attempts).await?,
        };
        result.iter().for_each(|id| self.tell(*id));
        Ok(result)
    }

    /// Cancels a job, or asks its worker to.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn cancel(&self, id: JobId) -> Result<Cancelled, DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.cancel(id).await?,
        };
        self.tell(id);
        Ok(result)
    }

    /// Appends events of an attempt (0 for the job itself), if its lease is still held.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn log(&self, id: JobId, attempt: u32, events: &[JobEvent]) -> Result<(), DbError> {
        let result = match &self.backend {
            Backend::Sqlite(db) => db.log(id, attempt, events).await?,
        };
        self.tell(id);
        Ok(result)
    }

    /// Events of a job after event `after`, at most `limit`, in order.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn events(
        &self,
        id: JobId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<LoggedEvent>, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.events(id, after, limit).await,
        }
    }

    /// All queued jobs, oldest first: what an in-process queue starts with.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn queued(&self) -> Result<Vec<JobId>, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.queued().await,
        }
    }

    /// Doorbells not yet rung, oldest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn doorbells(&self, limit: u32) -> Result<Vec<JobId>, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.doorbells(limit).await,
        }
    }

    /// Marks doorbells as rung.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn rung(&self, ids: &[JobId]) -> Result<(), DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.rung(ids).await,
        }
    }

    /// Whether an artifact of any job has these bytes.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn is_named(&self, digest: Digest) -> Result<bool, DbError> {
        match &self.backend {
            Backend::Sqlite(db) => db.is_named(digest).await,
        }
    }

    /// Closes the connections; what was written is on disk.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(db) => db.close().await,
        }
    }
}
