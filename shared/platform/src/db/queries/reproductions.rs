//! Jobs that train again what another one trained.

use std::time::Duration;

use assay_attest::KeyId;

use super::{Backend, claims::names_key, events, outbox, rows};
use crate::{
    db::{DbError, Reproducing},
    ids::JobId,
    job::{Job, JobEvent, NewReproduction, Status},
};

/// Reproductions of one job that are listed at most, the newest first.
const MOST_LISTED: i64 = 100;

impl Backend {
    /// Writes the job, unless one for the same is under way; `None` when there is no completed job to reproduce.
    pub(in crate::db) async fn reproduce(
        &self,
        new: &NewReproduction,
    ) -> Result<Option<Reproducing>, DbError> {
        let mut tx = self.write().await?;
        let written = sqlx::query(
            "INSERT INTO jobs (id, unique_dir, status, model_name, request, class, priority, traceparent, submitted_at, reproduces, other_than) SELECT $1, $2, 'queued', model_name, request, class, priority, $3, $4, id, $5 FROM jobs WHERE id = $6 AND status = 'completed' AND reproduces IS NULL ON CONFLICT DO NOTHING",
        )
        .bind(new.id.to_string())
        .bind(new.unique_dir.to_string())
        .bind(new.traceparent.as_deref())
        .bind(rows::moment_millis(new.submitted_at))
        .bind(list(&new.other_than))
        .bind(new.of.to_string())
        .execute(&mut *tx)
        .await?;
        if written.rows_affected() == 0 {
            drop(tx);
            return self.under_way(new).await;
        }
        outbox::add(&mut tx, new.id, Duration::ZERO).await?;
        let queued = JobEvent::Status {
            status: Status::Queued,
        };
        events::add(&mut tx, new.id, 0, &queued).await?;
        tx.commit().await?;
        self.notify(new.id);
        Ok(Some(Reproducing {
            job: new.id,
            new: true,
        }))
    }

    /// The job that has not ended, or the very one that an earlier call wrote whose answer was lost.
    async fn under_way(&self, new: &NewReproduction) -> Result<Option<Reproducing>, DbError> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT id FROM jobs WHERE reproduces = $1 AND (id = $2 OR status IN ('queued', 'running')) ORDER BY id DESC LIMIT 1",
        )
        .bind(new.of.to_string())
        .bind(new.id.to_string())
        .fetch_optional(&self.readers)
        .await?;
        let found = found.as_deref().map(rows::id).transpose()?;
        Ok(found.map(|job| Reproducing {
            job,
            new: job == new.id,
        }))
    }

    pub(in crate::db) async fn reproductions(&self, of: JobId) -> Result<Vec<Job>, DbError> {
        let found = sqlx::query(concat!(
            "SELECT ",
            rows::job_columns!(),
            " FROM jobs WHERE reproduces = $1 ORDER BY id DESC LIMIT $2"
        ))
        .bind(of.to_string())
        .bind(MOST_LISTED)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows::readable(found.iter().map(rows::job)))
    }

    pub(in crate::db) async fn leave_to_others(
        &self,
        id: JobId,
        keyid: KeyId,
        reason: &str,
        again: Duration,
    ) -> Result<bool, DbError> {
        // Nearly always somebody else has the job, and asking does not keep the writer.
        let for_others: Option<i64> = sqlx::query_scalar(
            "SELECT attempt FROM jobs WHERE id = $1 AND status = 'queued' AND other_than LIKE $2",
        )
        .bind(id.to_string())
        .bind(names_key(Some(keyid)))
        .fetch_optional(&self.readers)
        .await?;
        if for_others.is_none() {
            return Ok(false);
        }
        let mut tx = self.write().await?;
        let waits = sqlx::query("UPDATE jobs SET held = $2 WHERE id = $1 AND status = 'queued'")
            .bind(id.to_string())
            .bind(reason)
            .execute(&mut *tx)
            .await?;
        if waits.rows_affected() == 0 {
            return Ok(false);
        }
        // A new row: the relay may be about to note that the old one has just rung.
        outbox::remove(&mut tx, id).await?;
        outbox::add(&mut tx, id, again).await?;
        tx.commit().await?;
        self.notify(id);
        Ok(true)
    }
}

fn list(keyids: &[KeyId]) -> String {
    let keyids: Vec<String> = keyids.iter().map(KeyId::to_string).collect();
    keyids.join(" ")
}
