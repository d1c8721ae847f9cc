//! What keeps jobs going: doorbells, leases, holds, and who works.

use std::time::Duration;

use assay_attest::Digest;

use super::{Db, DbError, Doorbell, either};
use crate::{
    ids::JobId,
    job::Status,
    worker::{WorkerRow, WorkerState},
};

impl Db {
    /// Puts an attempt's job back in the queue because its worker stops, if the lease is still ours. Not counted in [`crate::job::Job::lost`].
    pub async fn release(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        either!(self, db => db.release(id, attempt))
    }

    /// Puts an attempt's job back in the queue because the platform failed it, and counts the attempt in [`crate::job::Job::lost`];
    /// at `max_attempts` of those the job fails with `worker.lost`. It may be claimed again after `delay`. `None`: the
    /// lease is lost, nothing written.
    ///
    /// `reason` is what went wrong, as the second half of a sentence.
    pub async fn put_back(
        &self,
        id: JobId,
        attempt: u32,
        reason: &str,
        max_attempts: u32,
        delay: Duration,
    ) -> Result<Option<Status>, DbError> {
        either!(self, db => db.put_back(id, attempt, reason, max_attempts, delay))
    }

    /// Puts an attempt's job back in the queue because it may not run now; not counted in [`crate::job::Job::lost`]. The reason is
    /// shown as [`crate::job::Job::held`] until it is claimed again, after `recheck` or [`Db::release_holds`]. `false`: the lease is
    /// lost, nothing written.
    pub async fn hold(
        &self,
        id: JobId,
        attempt: u32,
        reason: &str,
        recheck: Duration,
    ) -> Result<bool, DbError> {
        either!(self, db => db.hold(id, attempt, reason, recheck))
    }

    /// Lets the jobs that are held because of this image be looked at anew at once, since something new is known of it
    /// ([`Db::note_image`] says which image a job's last attempt was to run in). Returns how many there are.
    pub async fn release_holds(&self, image: Digest) -> Result<u64, DbError> {
        either!(self, db => db.release_holds(image))
    }

    /// Puts jobs whose lease has ended, by the database's clock, back in the queue; those that lost `max_attempts`
    /// attempts fail. Returns the queued ones. Several processes may do so at once: each job goes to one of them.
    pub async fn expire_leases(&self, max_attempts: u32) -> Result<Vec<JobId>, DbError> {
        either!(self, db => db.expire_leases(max_attempts))
    }

    /// Puts every running job of this worker back in the queue, whatever its lease: for a worker that starts anew under a lock of its own.
    /// Those that lost `max_attempts` attempts fail. Returns the queued ones.
    pub async fn recover_worker(
        &self,
        worker: &str,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        either!(self, db => db.recover_worker(worker, max_attempts))
    }

    /// The doorbells of all queued jobs that may run now, oldest first: what an in-process queue starts with.
    pub async fn queued(&self) -> Result<Vec<Doorbell>, DbError> {
        either!(self, db => db.queued())
    }

    /// Gives queued jobs that have no doorbell one, at most `limit` of them: whatever took it away, they would wait for
    /// ever. It rings now or when the job may run. Returns how many there were.
    pub async fn restore_doorbells(&self, limit: u32) -> Result<u64, DbError> {
        either!(self, db => db.restore_doorbells(limit))
    }

    /// Takes doorbells whose time has come, oldest first: of jobs queued just now, of those whose delay or hold is over,
    /// and of those that rang and were not claimed. Nobody else is given them for `keep`, which must be longer than
    /// ringing can take; what has not [`Db::rung`] by then is given out again.
    pub async fn doorbells(&self, limit: u32, keep: Duration) -> Result<Vec<Doorbell>, DbError> {
        either!(self, db => db.doorbells(limit, keep))
    }

    /// Notes that doorbells rang. Each rings once more when its job is not claimed after `again`, then after twice and
    /// four times as long, an hour at most: a lost one is found, and a long queue is not flooded.
    pub async fn rung(&self, bells: &[Doorbell], again: Duration) -> Result<(), DbError> {
        either!(self, db => db.rung(bells, again))
    }

    /// Has the doorbell of a queued job ring once more, now or when the job may run. `false`: it does not wait.
    pub async fn ring_again(&self, id: JobId) -> Result<bool, DbError> {
        either!(self, db => db.ring_again(id))
    }

    /// Doorbells whose time has come and that nobody has taken.
    pub async fn overdue(&self) -> Result<u64, DbError> {
        either!(self, db => db.overdue())
    }

    /// Writes down a worker's description of itself. `true`: it is to take no new jobs.
    pub async fn worker_seen(&self, worker: &WorkerRow) -> Result<bool, DbError> {
        either!(self, db => db.worker_seen(worker))
    }

    /// Forgets a worker that ends in order. A wish that it take no new jobs stays.
    pub async fn worker_gone(&self, name: &str) -> Result<(), DbError> {
        either!(self, db => db.worker_gone(name))
    }

    /// The workers that said something within a day, by name.
    pub async fn workers(&self) -> Result<Vec<WorkerState>, DbError> {
        either!(self, db => db.workers())
    }

    /// Tells a worker to take no new jobs, or to take jobs again; it learns of it when it next describes itself. `false`:
    /// there is no such worker.
    pub async fn drain(&self, name: &str, draining: bool) -> Result<bool, DbError> {
        either!(self, db => db.drain(name, draining))
    }
}
