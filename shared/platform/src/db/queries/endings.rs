//! How a job ends. Each ending is one statement that compares the state it starts from, so of two only one happens.

use super::{Backend, Tx, checkpoints, events, outbox, rows};
use crate::{
    db::{Cancelled, DbError},
    ids::JobId,
    job::{Artifact, Completion, Failure, JobEvent, Status, Timings},
};

/// What is written when an attempt ends.
#[derive(Default)]
pub(super) struct End<'a> {
    pub(super) failure: Option<&'a Failure>,
    pub(super) timings: Option<&'a Timings>,
    /// Names of a completed job's outputs.
    pub(super) outputs: Option<Vec<&'a str>>,
}

/// Ends a running attempt, in the caller's transaction. `false`: it does not have the job any more.
pub(super) async fn end(
    tx: &mut Tx,
    id: JobId,
    attempt: u32,
    status: Status,
    end: End<'_>,
) -> Result<bool, DbError> {
    let failure = end.failure.map(serde_json::to_string).transpose()?;
    let timings = end.timings.map(serde_json::to_string).transpose()?;
    let outputs = end
        .outputs
        .map(|names| serde_json::to_string(&names))
        .transpose()?;
    let ended = sqlx::query(concat!(
        "UPDATE jobs SET status = $3, failure = $4, timings = $5, outputs = COALESCE($6, outputs), finished_at = ",
        now!(),
        ", lease_until = NULL WHERE id = $1 AND status = 'running' AND attempt = $2"
    ))
    .bind(id.to_string())
    .bind(i64::from(attempt))
    .bind(status.as_str())
    .bind(failure)
    .bind(timings)
    .bind(outputs)
    .execute(&mut **tx)
    .await?;
    if ended.rows_affected() == 0 {
        return Ok(false);
    }
    checkpoints::remove(tx, id).await?;
    events::add(tx, id, attempt, &JobEvent::Status { status }).await?;
    Ok(true)
}

/// Whether this attempt has ended the job so already: an earlier call did, and its answer was lost.
async fn ended_so(
    tx: &mut Tx,
    id: JobId,
    attempt: u32,
    status: Status,
    failure: Option<&Failure>,
) -> Result<bool, DbError> {
    let failure = failure.map(serde_json::to_string).transpose()?;
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT attempt FROM jobs WHERE id = $1 AND attempt = $2 AND status = $3 AND COALESCE(failure, '') = COALESCE($4, '')",
    )
    .bind(id.to_string())
    .bind(i64::from(attempt))
    .bind(status.as_str())
    .bind(failure)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.is_some())
}

impl Backend {
    pub(in crate::db) async fn complete(
        &self,
        id: JobId,
        attempt: u32,
        completion: &Completion,
    ) -> Result<bool, DbError> {
        let Completion { artifacts, timings } = completion;
        let mut outputs: Vec<&Artifact> = artifacts
            .iter()
            .filter(|artifact| artifact.role.is_output())
            .collect();
        outputs.sort_by_key(|artifact| artifact.order());
        let names = outputs.into_iter().map(Artifact::name).collect();
        let written = End {
            timings: Some(timings),
            outputs: Some(names),
            ..End::default()
        };
        self.end_with(id, attempt, Status::Completed, written, artifacts)
            .await
    }

    pub(in crate::db) async fn fail(
        &self,
        id: JobId,
        attempt: u32,
        failure: &Failure,
        artifacts: &[Artifact],
        timings: &Timings,
    ) -> Result<bool, DbError> {
        let written = End {
            failure: Some(failure),
            timings: Some(timings),
            ..End::default()
        };
        self.end_with(id, attempt, Status::Failed, written, artifacts)
            .await
    }

    pub(in crate::db) async fn cancelled(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        self.end_with(id, attempt, Status::Cancelled, End::default(), &[])
            .await
    }

    async fn end_with(
        &self,
        id: JobId,
        attempt: u32,
        status: Status,
        written: End<'_>,
        artifacts: &[Artifact],
    ) -> Result<bool, DbError> {
        self.durable(artifacts.iter().map(|artifact| artifact.digest))
            .await?;
        let failure = written.failure;
        let mut tx = self.write_naming().await?;
        if !end(&mut tx, id, attempt, status, written).await? {
            return ended_so(&mut tx, id, attempt, status, failure).await;
        }
        Self::add_artifacts(&mut tx, id, attempt, artifacts).await?;
        tx.commit().await?;
        self.settle(artifacts);
        self.notify(id);
        Ok(true)
    }

    pub(in crate::db) async fn cancel(&self, id: JobId) -> Result<Cancelled, DbError> {
        let mut tx = self.write().await?;
        let found: Option<String> =
            sqlx::query_scalar(concat!("SELECT status FROM jobs WHERE id = $1", lock!()))
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
                request_cancel(&mut tx, id).await?;
                Cancelled::Requested
            }
            ended => return Ok(Cancelled::AlreadyEnded(ended)),
        };
        tx.commit().await?;
        self.notify(id);
        Ok(outcome)
    }
}

/// Notes the wish, in a transaction that holds the running job's row. Its event is written once.
async fn request_cancel(tx: &mut Tx, id: JobId) -> Result<(), DbError> {
    let first = sqlx::query(
        "UPDATE jobs SET cancel_requested = 1 WHERE id = $1 AND status = 'running' AND cancel_requested = 0",
    )
    .bind(id.to_string())
    .execute(&mut **tx)
    .await?;
    if first.rows_affected() > 0 {
        events::add(tx, id, 0, &JobEvent::CancelRequested).await?;
    }
    Ok(())
}

async fn cancel_queued(tx: &mut Tx, id: JobId) -> Result<(), DbError> {
    sqlx::query(concat!(
        "UPDATE jobs SET status = 'cancelled', held = NULL, not_before = NULL, finished_at = ",
        now!(),
        " WHERE id = $1 AND status = 'queued'"
    ))
    .bind(id.to_string())
    .execute(&mut **tx)
    .await?;
    outbox::remove(tx, id).await?;
    checkpoints::remove(tx, id).await?;
    let cancelled = JobEvent::Status {
        status: Status::Cancelled,
    };
    events::add(tx, id, 0, &cancelled).await
}
