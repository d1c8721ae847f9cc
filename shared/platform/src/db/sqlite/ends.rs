//! The ends of a job. Each compares the status and the attempt that it starts from, so only one can win.

use assay_protocol::room;

use super::{
    Sqlite, artifacts, events,
    rows::{Reading, json, now},
};
use crate::{
    db::{Cancelled, DbError},
    ids::JobId,
    job::{Artifact, Completion, Failure, JobEvent, Role, Status, Timings},
};

/// Positions of what an attempt leaves come after those of the inputs.
const AFTER_INPUTS: usize = 100;

/// What is written when an attempt ends.
struct End<'a> {
    status: Status,
    failure: Option<&'a Failure>,
    outputs: Option<Vec<String>>,
    artifacts: &'a [Artifact],
    timings: Option<&'a Timings>,
}

impl Sqlite {
    pub(in crate::db) async fn complete(
        &self,
        id: JobId,
        attempt: u32,
        completion: &Completion,
    ) -> Result<bool, DbError> {
        let end = End {
            status: Status::Completed,
            failure: None,
            outputs: Some(output_names(&completion.artifacts)),
            artifacts: &completion.artifacts,
            timings: Some(&completion.timings),
        };
        self.end(id, attempt, end).await
    }

    pub(in crate::db) async fn fail(
        &self,
        id: JobId,
        attempt: u32,
        failure: &Failure,
        artifacts: &[Artifact],
        timings: &Timings,
    ) -> Result<bool, DbError> {
        let end = End {
            status: Status::Failed,
            failure: Some(failure),
            outputs: None,
            artifacts,
            timings: Some(timings),
        };
        self.end(id, attempt, end).await
    }

    pub(in crate::db) async fn cancelled(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        let end = End {
            status: Status::Cancelled,
            failure: None,
            outputs: None,
            artifacts: &[],
            timings: None,
        };
        self.end(id, attempt, end).await
    }

    async fn end(&self, id: JobId, attempt: u32, end: End<'_>) -> Result<bool, DbError> {
        let id = id.to_string();
        let mut transaction = self.write.begin().await?;
        let ended = sqlx::query(
            "UPDATE jobs SET status = ?, failure = ?, outputs = ?, timings = ?, finished_at = ?, \
             lease_until = NULL WHERE id = ? AND attempt = ? AND status = 'running'",
        )
        .bind(end.status.as_str())
        .bind(end.failure.map(json).transpose()?)
        .bind(end.outputs.as_ref().map(json).transpose()?)
        .bind(end.timings.map(json).transpose()?)
        .bind(now())
        .bind(&id)
        .bind(i64::from(attempt))
        .execute(&mut *transaction)
        .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        artifacts::insert(&mut transaction, &id, AFTER_INPUTS, end.artifacts).await?;
        let event = JobEvent::Status { status: end.status };
        events::insert(&mut transaction, &id, attempt, &[event]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn cancel(&self, id: JobId) -> Result<Cancelled, DbError> {
        let text = id.to_string();
        let mut transaction = self.write.begin().await?;
        let row = sqlx::query("SELECT status FROM jobs WHERE id = ?")
            .bind(&text)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else {
            return Ok(Cancelled::NoSuchJob);
        };
        let status = Reading {
            id: &text,
            row: &row,
        }
        .status()?;
        let cancelled = match status {
            Status::Queued => {
                sqlx::query("UPDATE jobs SET status = 'cancelled', finished_at = ? WHERE id = ?")
                    .bind(now())
                    .bind(&text)
                    .execute(&mut *transaction)
                    .await?;
                let event = JobEvent::Status {
                    status: Status::Cancelled,
                };
                events::insert(&mut transaction, &text, 0, &[event]).await?;
                Cancelled::AtOnce
            }
            Status::Running => {
                sqlx::query("UPDATE jobs SET cancel_requested = 1 WHERE id = ?")
                    .bind(&text)
                    .execute(&mut *transaction)
                    .await?;
                Cancelled::Requested
            }
            ended => return Ok(Cancelled::AlreadyEnded(ended)),
        };
        transaction.commit().await?;
        Ok(cancelled)
    }
}

/// The names that `output_artifacts` shows: the documented five first, in their order, then the rest.
fn output_names(artifacts: &[Artifact]) -> Vec<String> {
    let shown = |artifact: &&Artifact| {
        matches!(
            artifact.role,
            Role::Output | Role::Aibom | Role::AibomSignature | Role::TrainingLink
        )
    };
    let mut names: Vec<String> = artifacts
        .iter()
        .filter(shown)
        .map(|artifact| artifact.name().to_owned())
        .collect();
    let documented = [
        room::TRAINED_MODEL,
        room::METRICS,
        room::LOGS,
        "aibom.json",
        "aibom.sig",
    ];
    names.sort_by_key(|name| {
        documented
            .iter()
            .position(|known| known == name)
            .unwrap_or(documented.len())
    });
    names
}
