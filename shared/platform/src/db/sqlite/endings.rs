//! How a job ends. Each ending is one statement that compares the state it starts from, so of two only one happens.

use super::{Sqlite, Tx, events, now, outbox, rows};
use crate::{
    db::{Cancelled, DbError},
    ids::JobId,
    job::{Artifact, Completion, Failure, JobEvent, Status, Timings},
};

/// Ends a running attempt, in the caller's transaction. `false`: it does not have the job any more.
pub(super) async fn end(
    tx: &mut Tx,
    id: JobId,
    attempt: u32,
    status: Status,
    failure: Option<&Failure>,
    timings: Option<&Timings>,
) -> Result<bool, DbError> {
    let failure = failure.map(serde_json::to_string).transpose()?;
    let timings = timings.map(serde_json::to_string).transpose()?;
    let ended = sqlx::query(
        "UPDATE jobs SET status = $3, failure = $4, timings = $5, finished_at = $6, lease_until = NULL WHERE id = $1 AND status = 'running' AND attempt = $2",
    )
    .bind(id.to_string())
    .bind(i64::from(attempt))
    .bind(status.as_str())
    .bind(failure)
    .bind(timings)
    .bind(now())
    .execute(&mut **tx)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    events::add(tx, id, attempt, &JobEvent::Status { status }).await?;
    Ok(true)
}

impl Sqlite {
    pub(in crate::db) async fn complete(
        &self,
        id: JobId,
        attempt: u32,
        completion: &Completion,
    ) -> Result<bool, DbError> {
        let Completion { artifacts, timings } = completion;
        self.durable(artifacts).await?;
        let mut tx = self.write().await?;
        if !end(&mut tx, id, attempt, Status::Completed, None, Some(timings)).await? {
            return Ok(false);
        }
        Self::add_artifacts(&mut tx, id, attempt, artifacts).await?;
        let mut outputs: Vec<&Artifact> = artifacts
            .iter()
            .filter(|artifact| artifact.role.is_output())
            .collect();
        outputs.sort_by_key(|artifact| artifact.order());
        let names: Vec<&str> = outputs.into_iter().map(Artifact::name).collect();
        sqlx::query("UPDATE jobs SET outputs = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(serde_json::to_string(&names)?)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.settle(artifacts);
        self.notify(id);
        Ok(true)
    }

    pub(in crate::db) async fn fail(
        &self,
        id: JobId,
        attempt: u32,
        failure: &Failure,
        artifacts: &[Artifact],
        timings: &Timings,
    ) -> Result<bool, DbError> {
        self.durable(artifacts).await?;
        let mut tx = self.write().await?;
        let (failure, timings) = (Some(failure), Some(timings));
        if !end(&mut tx, id, attempt, Status::Failed, failure, timings).await? {
            return Ok(false);
        }
        Self::add_artifacts(&mut tx, id, attempt, artifacts).await?;
        tx.commit().await?;
        self.settle(artifacts);
        self.notify(id);
        Ok(true)
    }

    pub(in crate::db) async fn cancelled(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        let mut tx = self.write().await?;
        let ended = end(&mut tx, id, attempt, Status::Cancelled, None, None).await?;
        tx.commit().await?;
        if ended {
            self.notify(id);
        }
        Ok(ended)
    }

    pub(in crate::db) async fn cancel(&self, id: JobId) -> Result<Cancelled, DbError> {
        let mut tx = self.write().await?;
        let found: Option<String> = sqlx::query_scalar("SELECT status FROM jobs WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(found) = found else {
            return Ok(Cancelled::NoSuchJob);
        };
        let status = rows::status(&found).map_err(rows::corrupt_row(&id.to_string()))?;
        let outcome = match status {
            Status::Queued => {
                cancel_queued(&mut tx, id).await?;
                Cancelled::AtOnce
            }
            Status::Running => {
                sqlx::query(
                    "UPDATE jobs SET cancel_requested = 1 WHERE id = $1 AND status = 'running'",
                )
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
                Cancelled::Requested
            }
            ended => return Ok(Cancelled::AlreadyEnded(ended)),
        };
        tx.commit().await?;
        self.notify(id);
        Ok(outcome)
    }
}

async fn cancel_queued(tx: &mut Tx, id: JobId) -> Result<(), DbError> {
    sqlx::query("UPDATE jobs SET status = 'cancelled', finished_at = $2 WHERE id = $1 AND status = 'queued'")
        .bind(id.to_string())
        .bind(now())
        .execute(&mut **tx)
        .await?;
    outbox::remove(tx, id).await?;
    let cancelled = JobEvent::Status {
        status: Status::Cancelled,
    };
    events::add(tx, id, 0, &cancelled).await
}
