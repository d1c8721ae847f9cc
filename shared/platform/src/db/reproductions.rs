//! Jobs that train again what another one trained, so that a second worker can vouch for it.

use std::time::Duration;

use assay_attest::KeyId;

use super::{Db, DbError, Reproducing, either};
use crate::{
    ids::JobId,
    job::{Job, NewReproduction},
};

/// Looks at a job that may be reproduced, and seems not to be.
const TRIES: u32 = 3;

impl Db {
    /// Queues a job that reproduces a completed one, with its doorbell and its first event in one transaction. While one
    /// for the same is queued or running, that one is given and nothing is written, so a call may be made again. `None`:
    /// there is no such completed job, or it is a reproduction itself.
    pub async fn reproduce(&self, new: &NewReproduction) -> Result<Option<Reproducing>, DbError> {
        // What was under way may end between two looks.
        for _ in 0..TRIES {
            let written = match either!(self, db => db.reproduce(new)) {
                Err(DbError::CommitUnknown) => either!(self, db => db.reproduce(new)),
                written => written,
            };
            if let Some(found) = written? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The jobs that reproduce this one, the newest first, at most 100.
    pub async fn reproductions(&self, of: JobId) -> Result<Vec<Job>, DbError> {
        either!(self, db => db.reproductions(of))
    }

    /// For a worker that was not given a job: if it is queued and for others than this key, says so in
    /// [`Job::held`] and has its doorbell ring `again` for them. `false`: that is not why, and nothing is written.
    pub async fn leave_to_others(
        &self,
        id: JobId,
        keyid: KeyId,
        reason: &str,
        again: Duration,
    ) -> Result<bool, DbError> {
        either!(self, db => db.leave_to_others(id, keyid, reason, again))
    }
}
