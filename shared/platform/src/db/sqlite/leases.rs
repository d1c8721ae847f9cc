//! How a job gets out of the hands of a worker that will not end it.

use assay_protocol::Fault;
use time::OffsetDateTime;

use super::{Sqlite, Tx, endings, events, millis, outbox, rows};
use crate::{
    db::DbError,
    ids::JobId,
    job::{Failure, JobEvent, Status},
};

/// A running job that its worker has given up or lost.
struct Left {
    id: JobId,
    attempt: u32,
    cancel_requested: bool,
    /// Attempts that broke off before this one.
    lost: u32,
}

/// Reads `id, attempt, cancel_requested, lost`.
type LeftRow = (String, i64, i64, i64);

impl Left {
    fn of((id, attempt, cancel, lost): LeftRow) -> Result<Self, DbError> {
        Ok(Self {
            attempt: rows::number(attempt).map_err(rows::corrupt_row(&id))?,
            lost: rows::number(lost).map_err(rows::corrupt_row(&id))?,
            id: rows::id(&id)?,
            cancel_requested: cancel != 0,
        })
    }
}

/// What broke an attempt, and how many of a job may break.
#[derive(Clone, Copy)]
struct Break<'a> {
    reason: &'a str,
    max_attempts: u32,
}

impl Sqlite {
    pub(in crate::db) async fn release(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        Ok(self.let_go(id, attempt, None).await?.is_some())
    }

    pub(in crate::db) async fn break_off(
        &self,
        id: JobId,
        attempt: u32,
        reason: &str,
        max_attempts: u32,
    ) -> Result<Option<Status>, DbError> {
        let broken = Break {
            reason,
            max_attempts,
        };
        self.let_go(id, attempt, Some(broken)).await
    }

    async fn let_go(
        &self,
        id: JobId,
        attempt: u32,
        broken: Option<Break<'_>>,
    ) -> Result<Option<Status>, DbError> {
        let mut tx = self.write().await?;
        let found: Option<LeftRow> = sqlx::query_as(
            "SELECT id, attempt, cancel_requested, lost FROM jobs WHERE id = $1 AND status = 'running' AND attempt = $2",
        )
        .bind(id.to_string())
        .bind(i64::from(attempt))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = found else {
            return Ok(None);
        };
        let status = put_back(&mut tx, &Left::of(row)?, broken).await?;
        tx.commit().await?;
        self.notify(id);
        Ok(Some(status))
    }

    pub(in crate::db) async fn expire_leases(
        &self,
        now: OffsetDateTime,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        const EXPIRED: &str = "SELECT id, attempt, cancel_requested, lost FROM jobs WHERE lease_until < $1 AND status = 'running' ORDER BY id";
        // Nearly always there is none, and asking does not keep the writer.
        let some: Option<LeftRow> = sqlx::query_as(EXPIRED)
            .bind(millis(now))
            .fetch_optional(&self.readers)
            .await?;
        if some.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.write().await?;
        let left = sqlx::query_as(EXPIRED)
            .bind(millis(now))
            .fetch_all(&mut *tx)
            .await?;
        let broken = Break {
            reason: "the worker fell silent",
            max_attempts,
        };
        self.put_all_back(tx, left, broken).await
    }

    pub(in crate::db) async fn recover_worker(
        &self,
        worker: &str,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        let mut tx = self.write().await?;
        let left = sqlx::query_as(
            "SELECT id, attempt, cancel_requested, lost FROM jobs WHERE worker = $1 AND status = 'running' ORDER BY id",
        )
        .bind(worker)
        .fetch_all(&mut *tx)
        .await?;
        let broken = Break {
            reason: "the worker ended without a word",
            max_attempts,
        };
        self.put_all_back(tx, left, broken).await
    }

    async fn put_all_back(
        &self,
        mut tx: Tx,
        found: Vec<LeftRow>,
        broken: Break<'_>,
    ) -> Result<Vec<JobId>, DbError> {
        let mut queued = Vec::new();
        let mut told = Vec::with_capacity(found.len());
        for row in found {
            let left = Left::of(row)?;
            if put_back(&mut tx, &left, Some(broken)).await? == Status::Queued {
                queued.push(left.id);
            }
            told.push(left.id);
        }
        tx.commit().await?;
        for id in told {
            self.notify(id);
        }
        Ok(queued)
    }
}

/// Queues a job anew; ends it when somebody asked for that, or when it has lost too many attempts.
async fn put_back(tx: &mut Tx, left: &Left, broken: Option<Break<'_>>) -> Result<Status, DbError> {
    let Left { id, attempt, .. } = *left;
    if left.cancel_requested {
        endings::end(tx, id, attempt, Status::Cancelled, None, None).await?;
        return Ok(Status::Cancelled);
    }
    let lost = left.lost.saturating_add(u32::from(broken.is_some()));
    set_lost(tx, id, lost).await?;
    if let Some(broken) = broken.filter(|broken| lost >= broken.max_attempts) {
        let failure = worn_out(lost, broken.reason);
        endings::end(tx, id, attempt, Status::Failed, Some(&failure), None).await?;
        return Ok(Status::Failed);
    }
    sqlx::query(
        "UPDATE jobs SET status = 'queued', worker = NULL, lease_until = NULL, progress = NULL WHERE id = $1 AND status = 'running' AND attempt = $2",
    )
    .bind(id.to_string())
    .bind(i64::from(attempt))
    .execute(&mut **tx)
    .await?;
    outbox::add(tx, id).await?;
    let queued = JobEvent::Status {
        status: Status::Queued,
    };
    events::add(tx, id, 0, &queued).await?;
    Ok(Status::Queued)
}

async fn set_lost(tx: &mut Tx, id: JobId, lost: u32) -> Result<(), DbError> {
    sqlx::query("UPDATE jobs SET lost = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(i64::from(lost))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn worn_out(lost: u32, reason: &str) -> Failure {
    let message = match lost {
        ..=1 => format!("the platform could not run this job to an end: {reason}"),
        _ => format!(
            "{lost} attempts at this job broke off before an end; what was wrong with the last: {reason}"
        ),
    };
    Failure {
        fault: Fault::without_field("worker.lost", message),
        detail: None,
    }
}
