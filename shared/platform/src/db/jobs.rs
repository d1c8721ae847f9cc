//! A job from its submission to its end.

use std::time::Duration;

use assay_attest::Digest;

use super::{Cancelled, Claimer, Db, DbError, JobFilter, Lease, StatusRow, either};
use crate::{
    ids::{JobId, UniqueDir},
    job::{
        Artifact, Claim, Completion, Failure, Job, JobEvent, LoggedEvent, NewJob, Role, Status,
        Timings,
    },
};

impl Db {
    /// Writes a job, its artifacts, its doorbell (outbox) and its first event in one transaction. A job that is there
    /// already is left as it is, so a call whose answer was lost may be made again.
    pub async fn insert_job(&self, job: &NewJob) -> Result<(), DbError> {
        let written = either!(self, db => db.insert_job(job));
        match written {
            Err(DbError::CommitUnknown) => either!(self, db => db.insert_job(job)),
            written => written,
        }
    }

    /// The whole job.
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, DbError> {
        either!(self, db => db.job(id))
    }

    /// The job whose folder this is.
    pub async fn job_of_dir(&self, dir: UniqueDir) -> Result<Option<Job>, DbError> {
        either!(self, db => db.job_of_dir(dir))
    }

    /// What `GET /job_status` needs, in as few statements as can be.
    pub async fn status(&self, id: JobId) -> Result<Option<StatusRow>, DbError> {
        either!(self, db => db.status(id))
    }

    /// A page of jobs, newest first.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, DbError> {
        either!(self, db => db.jobs(filter))
    }

    /// How many jobs are in each status, also where there are none.
    pub async fn counts(&self) -> Result<Vec<(Status, u64)>, DbError> {
        either!(self, db => db.counts())
    }

    /// The jobs that have these bytes as an artifact of this kind, the newest first, at most `limit`.
    pub async fn jobs_with(
        &self,
        digest: Digest,
        role: Role,
        limit: u32,
    ) -> Result<Vec<JobId>, DbError> {
        either!(self, db => db.jobs_with(digest, role, limit))
    }

    /// A job's artifacts: of its inputs and of the attempt that completed, in documented order.
    pub async fn artifacts(&self, id: JobId) -> Result<Vec<Artifact>, DbError> {
        either!(self, db => db.artifacts(id))
    }

    /// Takes a queued job, of any class and whoever else it is for: status, attempt + 1, lease, in one statement. `None`
    /// when it is not queued (any more), or may not run yet.
    pub async fn claim(
        &self,
        id: JobId,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, DbError> {
        let claimer = Claimer {
            name: worker,
            ..Claimer::default()
        };
        self.claim_again(id, claimer, lease, &mut None).await
    }

    /// As [`Db::claim`], for a worker that asks again after an error: `tried` keeps, from one call to the next for the same
    /// doorbell, the attempt whose claim had no answer. If it was made, it is given.
    ///
    /// A job of another class than the claimer's is not given, so a doorbell in the wrong queue gives a worker no job that
    /// it cannot run; nor is one that is for others than its key ([`crate::job::NewReproduction::other_than`]).
    pub async fn claim_again(
        &self,
        id: JobId,
        claimer: Claimer<'_>,
        lease: Duration,
        tried: &mut Option<u32>,
    ) -> Result<Option<Claim>, DbError> {
        either!(self, db => db.claim(id, claimer, lease, tried))
    }

    /// Renews the lease of an attempt: it ends `lease` from now, by the database's clock.
    pub async fn heartbeat(
        &self,
        id: JobId,
        attempt: u32,
        lease: Duration,
    ) -> Result<Lease, DbError> {
        either!(self, db => db.heartbeat(id, attempt, lease))
    }

    /// Completes an attempt: artifacts, timings, status and event in one transaction, if the lease is still ours. `false`:
    /// lost, nothing written. What this attempt has ended so already answers `true`, so a call whose answer was lost may
    /// be made again; the same holds for [`Db::fail`] and [`Db::cancelled`].
    pub async fn complete(
        &self,
        id: JobId,
        attempt: u32,
        completion: &Completion,
    ) -> Result<bool, DbError> {
        either!(self, db => db.complete(id, attempt, completion))
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
        either!(self, db => db.fail(id, attempt, failure, artifacts, timings))
    }

    /// Ends a running attempt as cancelled, if the lease is still ours.
    pub async fn cancelled(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        either!(self, db => db.cancelled(id, attempt))
    }

    /// Cancels a job, or asks its worker to.
    pub async fn cancel(&self, id: JobId) -> Result<Cancelled, DbError> {
        either!(self, db => db.cancel(id))
    }

    /// Appends events of an attempt, if its lease is still held. The last epoch among them is its progress.
    pub async fn log(&self, id: JobId, attempt: u32, events: &[JobEvent]) -> Result<(), DbError> {
        either!(self, db => db.log(id, attempt, events))
    }

    /// Events of a job after event `after`, at most `limit`, in order.
    pub async fn events(
        &self,
        id: JobId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<LoggedEvent>, DbError> {
        either!(self, db => db.events(id, after, limit))
    }
}
