//! Doorbells that are still to ring.
//!
//! A row says "this job is queued and the queue may not know". It goes when the job is claimed, ends, or when its
//! doorbell has rung. A job that is queued anew while an older doorbell is being rung keeps its row: `ringing`
//! tells the two apart.

use super::{Sqlite, Tx, rows};
use crate::{db::DbError, ids::JobId};

/// Notes, in the caller's transaction, that a job was queued.
pub(super) async fn add(tx: &mut Tx, id: JobId) -> Result<(), DbError> {
    sqlx::query(
        "INSERT INTO outbox (job_id) VALUES ($1) ON CONFLICT (job_id) DO UPDATE SET ringing = 0",
    )
    .bind(id.to_string())
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

impl Sqlite {
    pub(in crate::db) async fn doorbells(&self, limit: u32) -> Result<Vec<JobId>, DbError> {
        let found: Vec<String> =
            sqlx::query_scalar("SELECT job_id FROM outbox ORDER BY id LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.write_relaxed().await?;
        let mut waiting = Vec::with_capacity(found.len());
        for id in found {
            let marked = sqlx::query("UPDATE outbox SET ringing = 1 WHERE job_id = $1")
                .bind(&id)
                .execute(&mut *tx)
                .await?;
            if marked.rows_affected() > 0 {
                waiting.push(rows::id(&id)?);
            }
        }
        tx.commit().await?;
        Ok(waiting)
    }

    pub(in crate::db) async fn rung(&self, ids: &[JobId]) -> Result<(), DbError> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut tx = self.write_relaxed().await?;
        for id in ids {
            sqlx::query("DELETE FROM outbox WHERE job_id = $1 AND ringing = 1")
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
