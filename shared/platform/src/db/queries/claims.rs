//! How an attempt comes to hold a job, and goes on holding it.

use std::time::Duration;

use assay_attest::KeyId;

use super::{Backend, Tx, events, millis, outbox, rows};
use crate::{
    db::{Claimer, DbError, Lease},
    ids::JobId,
    job::{Claim, Class, JobEvent, Status},
};

/// A job with so many attempts is given to nobody: the tables hold no larger number, and nobody came by it honestly.
const MOST_ATTEMPTS: i64 = 1_000_000_000;

/// A pattern for lists of key ids that have this one.
pub(super) fn names_key(keyid: Option<KeyId>) -> String {
    // No list has a hyphen.
    keyid.map_or_else(|| "-".to_owned(), |keyid| format!("%{keyid}%"))
}

impl Backend {
    pub(in crate::db) async fn claim(
        &self,
        id: JobId,
        claimer: Claimer<'_>,
        lease: Duration,
        tried: &mut Option<u32>,
    ) -> Result<Option<Claim>, DbError> {
        let Claimer { name, keyid, class } = claimer;
        if let Some(attempt) = *tried
            && let Some(claim) = self.claimed(id, name, attempt).await?
        {
            return Ok(Some(claim));
        }
        let mut tx = self.write().await?;
        let row = sqlx::query(concat!(
            "UPDATE jobs SET status = 'running', attempt = attempt + 1, worker = $2, lease_until = ",
            now!(),
            " + $3, started_at = ",
            now!(),
            ", progress = NULL, resumed_from = NULL, held = NULL, not_before = NULL WHERE id = $1 AND status = 'queued' AND class = COALESCE($4, class) AND attempt < $5 AND COALESCE(other_than, '') NOT LIKE $6 AND (not_before IS NULL OR not_before <= ",
            now!(),
            ") RETURNING ",
            rows::job_columns!()
        ))
        .bind(id.to_string())
        .bind(name)
        .bind(millis(lease))
        .bind(class.map(Class::as_str))
        .bind(MOST_ATTEMPTS)
        .bind(names_key(keyid))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let job = rows::job(&row)?;
        let attempt = job.attempt;
        outbox::remove(&mut tx, id).await?;
        let running = JobEvent::Status {
            status: Status::Running,
        };
        events::add(&mut tx, id, attempt, &running).await?;
        let artifacts = Self::artifacts_of(&mut *tx, id).await?;
        // Until the answer is there, it may have been made.
        *tried = Some(attempt);
        tx.commit().await?;
        self.notify(id);
        Ok(Some(Claim {
            job,
            attempt,
            artifacts,
        }))
    }

    /// The claim that this worker made with this attempt, if it still holds.
    async fn claimed(
        &self,
        id: JobId,
        worker: &str,
        attempt: u32,
    ) -> Result<Option<Claim>, DbError> {
        let found = self.job(id).await?.filter(|job| {
            job.status == Status::Running
                && job.attempt == attempt
                && job.worker.as_deref() == Some(worker)
        });
        let Some(job) = found else {
            return Ok(None);
        };
        let artifacts = self.artifacts(id).await?;
        self.notify(id);
        Ok(Some(Claim {
            job,
            attempt,
            artifacts,
        }))
    }

    pub(in crate::db) async fn heartbeat(
        &self,
        id: JobId,
        attempt: u32,
        lease: Duration,
    ) -> Result<Lease, DbError> {
        let mut tx = self.write_relaxed().await?;
        let cancel: Option<i64> = sqlx::query_scalar(concat!(
            "UPDATE jobs SET lease_until = ",
            now!(),
            " + $3 WHERE id = $1 AND status = 'running' AND attempt = $2 RETURNING cancel_requested"
        ))
        .bind(id.to_string())
        .bind(i64::from(attempt))
        .bind(millis(lease))
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(match cancel {
            None => Lease::Lost,
            Some(0) => Lease::Held,
            Some(_) => Lease::CancelRequested,
        })
    }

    /// Whether this attempt still has the job; the caller's transaction holds the job's row from then on.
    ///
    /// A lease is lost when somebody takes it away ([`Backend::expire_leases`]), not by the clock alone: an attempt
    /// that slept past its end and finds nobody before it may go on.
    pub(super) async fn holds_lease(tx: &mut Tx, id: JobId, attempt: u32) -> Result<bool, DbError> {
        let found: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT attempt FROM jobs WHERE id = $1 AND status = 'running' AND attempt = $2",
            lock!()
        ))
        .bind(id.to_string())
        .bind(i64::from(attempt))
        .fetch_optional(&mut **tx)
        .await?;
        Ok(found.is_some())
    }
}
