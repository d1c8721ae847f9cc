//! The newest checkpoint of a job that has not ended.
//!
//! Whatever forgets one notes its object as unneeded, in the same transaction: nobody else knows of it.

use super::{Backend, Tx, number, rows, unneeded};
use crate::{checkpoint::Checkpoint, db::DbError, ids::JobId};

/// Forgets a job's checkpoint, in the caller's transaction: the job has ended.
pub(super) async fn remove(tx: &mut Tx, id: JobId) -> Result<(), DbError> {
    let gone: Option<String> =
        sqlx::query_scalar("DELETE FROM checkpoints WHERE job_id = $1 RETURNING digest")
            .bind(id.to_string())
            .fetch_optional(&mut **tx)
            .await?;
    match gone {
        Some(digest) => unneeded::add(tx, &digest).await,
        None => Ok(()),
    }
}

impl Backend {
    pub(in crate::db) async fn save_checkpoint(
        &self,
        checkpoint: &Checkpoint,
    ) -> Result<bool, DbError> {
        let Checkpoint { job, digest, .. } = *checkpoint;
        self.durable(std::iter::once(digest)).await?;
        let mut tx = self.write_naming().await?;
        if !Self::holds_lease(&mut tx, job, checkpoint.attempt).await? {
            return Ok(false);
        }
        Self::may_be_named(&mut tx, &[digest]).await?;
        let before: Option<String> =
            sqlx::query_scalar("SELECT digest FROM checkpoints WHERE job_id = $1")
                .bind(job.to_string())
                .fetch_optional(&mut *tx)
                .await?;
        sqlx::query(
            "INSERT INTO checkpoints (job_id, attempt, epoch, digest, bytes, worker_keyid, signature) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (job_id) DO UPDATE SET attempt = excluded.attempt, epoch = excluded.epoch, digest = excluded.digest, bytes = excluded.bytes, worker_keyid = excluded.worker_keyid, signature = excluded.signature",
        )
        .bind(job.to_string())
        .bind(i64::from(checkpoint.attempt))
        .bind(i64::from(checkpoint.epoch))
        .bind(digest.to_string())
        .bind(number(checkpoint.bytes))
        .bind(&checkpoint.worker_keyid)
        .bind(&checkpoint.signature)
        .execute(&mut *tx)
        .await?;
        if let Some(before) = before.filter(|before| *before != digest.to_string()) {
            unneeded::add(&mut tx, &before).await?;
        }
        tx.commit().await?;
        self.holds.settle(digest);
        Ok(true)
    }

    pub(in crate::db) async fn checkpoint(&self, id: JobId) -> Result<Option<Checkpoint>, DbError> {
        let found = sqlx::query(
            "SELECT attempt, epoch, digest, bytes, worker_keyid, signature FROM checkpoints WHERE job_id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.readers)
        .await?;
        found.map(|row| rows::checkpoint(id, &row)).transpose()
    }
}
