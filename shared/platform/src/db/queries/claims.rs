//! How an attempt comes to hold a job, and goes on holding it.

use std::time::Duration;

use super::{Backend, Tx, events, millis, outbox, rows};
use crate::{
    db::{DbError, Lease},
    ids::JobId,
    job::{Claim, JobEvent, Status},
};

const RUNNING: JobEvent = JobEvent::Status {
    status: Status::Running,
};

impl Backend {
    pub(in crate::db) async fn claim(
        &self,
        id: JobId,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, DbError> {
        let mut tx = self.write().await?;
        let row = sqlx::query(concat!(
            "UPDATE jobs SET status = 'running', attempt = attempt + 1, worker = $2, lease_until = ",
            now!(),
            " + $3, started_at = ",
            now!(),
            ", progress = NULL, resumed_from = NULL, not_before = NULL WHERE id = $1 AND status = 'queued' AND (not_before IS NULL OR not_before <= ",
            now!(),
            ") RETURNING ",
            rows::job_columns!()
        ))
        .bind(id.to_string())
        .bind(worker)
        .bind(millis(lease))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let job = rows::job(&row)?;
        let attempt = job.attempt;
        outbox::remove(&mut tx, id).await?;
        // Whether a held job may run is still to be seen.
        if job.held.is_none() {
            events::add(&mut tx, id, attempt, &RUNNING).await?;
        }
        let artifacts = Self::artifacts_of(&mut *tx, id).await?;
        tx.commit().await?;
        self.notify(id);
        Ok(Some(Claim {
            job,
            attempt,
            artifacts,
        }))
    }

    pub(in crate::db) async fn admitted(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        let mut tx = self.write().await?;
        if !Self::holds_lease(&mut tx, id, attempt).await? {
            return Ok(false);
        }
        let held = sqlx::query("UPDATE jobs SET held = NULL WHERE id = $1 AND held IS NOT NULL")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        if held.rows_affected() > 0 {
            events::add(&mut tx, id, attempt, &RUNNING).await?;
        }
        tx.commit().await?;
        self.notify(id);
        Ok(true)
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

    /// Holds a job's row until the caller's transaction ends. `false`: there is no such job.
    pub(super) async fn hold_row(tx: &mut Tx, id: JobId) -> Result<bool, DbError> {
        let found: Option<i64> =
            sqlx::query_scalar(concat!("SELECT attempt FROM jobs WHERE id = $1", lock!()))
                .bind(id.to_string())
                .fetch_optional(&mut **tx)
                .await?;
        Ok(found.is_some())
    }
}
