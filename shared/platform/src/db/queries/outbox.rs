//! Doorbells that are still to ring.
//!
//! A row says "this job is queued", and when its doorbell has to ring: now, when a delay is over, or once more because
//! it rang and nobody came. It goes when the job is claimed or ends. A job that is queued anew gets a new row, which is
//! not taken for the old one whose doorbell may still be ringing.

use std::time::Duration;

use super::{Backend, Tx, millis, rows};
use crate::{
    db::{DbError, Doorbell},
    ids::JobId,
};

/// No doorbell waits longer before it rings once more.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// A queued job that no doorbell will ever ring for.
macro_rules! without_bell {
    () => {
        "status = 'queued' AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.job_id = jobs.id)"
    };
}

/// Notes, in the caller's transaction, that a job was queued, and may run after the delay.
pub(super) async fn add(tx: &mut Tx, id: JobId, delay: Duration) -> Result<(), DbError> {
    sqlx::query(concat!(
        "INSERT INTO outbox (job_id, class, priority, traceparent, ring_at) SELECT id, class, priority, traceparent, ",
        now!(),
        " + $2 FROM jobs WHERE id = $1 ON CONFLICT (job_id) DO UPDATE SET ring_at = excluded.ring_at, pause = 0"
    ))
    .bind(id.to_string())
    .bind(millis(delay))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes the doorbell back, in the caller's transaction: the job is not queued any more.
pub(super) async fn remove(tx: &mut Tx, id: JobId) -> Result<(), DbError> {
    sqlx::query("DELETE FROM outbox WHERE job_id = $1")
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl Backend {
    pub(in crate::db) async fn ring_again(&self, id: JobId) -> Result<bool, DbError> {
        let mut tx = self.write().await?;
        let waits: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT attempt FROM jobs WHERE id = $1 AND status = 'queued'",
            lock!()
        ))
        .bind(id.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        if waits.is_none() {
            return Ok(false);
        }
        // Before its time nobody could claim it.
        sqlx::query(concat!(
            "INSERT INTO outbox (job_id, class, priority, traceparent, ring_at) SELECT id, class, priority, traceparent, CASE WHEN not_before > ",
            now!(),
            " THEN not_before ELSE ",
            now!(),
            " END FROM jobs WHERE id = $1 ON CONFLICT (job_id) DO UPDATE SET ring_at = excluded.ring_at, pause = 0"
        ))
        .bind(id.to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.notify(id);
        Ok(true)
    }

    pub(in crate::db) async fn restore_doorbells(&self, limit: u32) -> Result<u64, DbError> {
        // Nearly always there is none, and asking does not keep the writer.
        let missing: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT attempt FROM jobs WHERE ",
            without_bell!(),
            " LIMIT 1"
        ))
        .fetch_optional(&self.readers)
        .await?;
        if missing.is_none() {
            return Ok(0);
        }
        let mut tx = self.write().await?;
        let restored = sqlx::query(concat!(
            "WITH missing AS MATERIALIZED (SELECT id, class, priority, traceparent, not_before FROM jobs WHERE ",
            without_bell!(),
            " ORDER BY id LIMIT $1",
            skip_locked!(),
            ") INSERT INTO outbox (job_id, class, priority, traceparent, ring_at) SELECT id, class, priority, traceparent, CASE WHEN not_before > ",
            now!(),
            " THEN not_before ELSE ",
            now!(),
            " END FROM missing WHERE 1 = 1 ON CONFLICT (job_id) DO NOTHING"
        ))
        .bind(i64::from(limit))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(restored.rows_affected())
    }

    pub(in crate::db) async fn doorbells(
        &self,
        limit: u32,
        keep: Duration,
    ) -> Result<Vec<Doorbell>, DbError> {
        // Nearly always there is none, and asking does not keep the writer.
        let due: Option<i64> = sqlx::query_scalar(concat!(
            "SELECT id FROM outbox WHERE ring_at <= ",
            now!(),
            " ORDER BY ring_at LIMIT 1"
        ))
        .fetch_optional(&self.readers)
        .await?;
        if due.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.write_relaxed().await?;
        let found = sqlx::query(concat!(
            "WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE ring_at <= ",
            now!(),
            " ORDER BY ring_at, id LIMIT $1",
            skip_locked!(),
            ") UPDATE outbox SET ring_at = ",
            now!(),
            " + $2 WHERE id IN (SELECT id FROM due) RETURNING id, job_id, class, priority, traceparent"
        ))
        .bind(i64::from(limit))
        .bind(millis(keep))
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut bells = rows::readable(found.iter().map(rows::doorbell));
        bells.sort_by_key(|bell| bell.row);
        Ok(bells)
    }

    pub(in crate::db) async fn rung(
        &self,
        bells: &[Doorbell],
        again: Duration,
    ) -> Result<(), DbError> {
        if bells.is_empty() {
            return Ok(());
        }
        let rows: Vec<i64> = bells.iter().map(|bell| bell.row).collect();
        let mut tx = self.write_relaxed().await?;
        sqlx::query(concat!(
            "WITH rung AS MATERIALIZED (SELECT id, CASE WHEN pause = 0 THEN $2 WHEN pause * 2 < $3 THEN pause * 2 ELSE $3 END AS pause FROM outbox WHERE id IN (SELECT CAST(value AS BIGINT) FROM ",
            listed!("$1"),
            ") ORDER BY id",
            lock!(),
            ") UPDATE outbox SET ring_at = ",
            now!(),
            " + rung.pause, pause = rung.pause FROM rung WHERE rung.id = outbox.id"
        ))
        .bind(serde_json::to_string(&rows)?)
        .bind(millis(again))
        .bind(millis(LONGEST_PAUSE))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    pub(in crate::db) async fn overdue(&self) -> Result<u64, DbError> {
        let count: i64 = sqlx::query_scalar(concat!(
            "SELECT count(*) FROM outbox WHERE ring_at <= ",
            now!()
        ))
        .fetch_one(&self.readers)
        .await?;
        Ok(count.unsigned_abs())
    }
}
