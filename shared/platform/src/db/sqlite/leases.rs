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
}

/// Reads `id, attempt, cancel_requested`.
type LeftRow = (String, i64, i64);

impl Left {
    fn of((id, attempt, cancel): LeftRow) -> Result<Self, DbError> {
        Ok(Self {
            attempt: rows::number(attempt).map_err(rows::corrupt_row(&id))?,
            id: rows::id(&id)?,
            cancel_requested: cancel != 0,
        })
    }
}

impl Sqlite {
    pub(in crate::db) async fn release(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        let mut tx = self.write().await?;
        let found: Option<LeftRow> = sqlx::query_as(
            "SELECT id, attempt, cancel_requested FROM jobs WHERE id = $1 AND status = 'running' AND attempt = $2",
        )
        .bind(id.to_string())
        .bind(i64::from(attempt))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = found else {
            return Ok(false);
        };
        put_back(&mut tx, &Left::of(row)?, u32::MAX).await?;
        tx.commit().await?;
        self.notify(id);
        Ok(true)
    }

    pub(in crate::db) async fn expire_leases(
        &self,
        now: OffsetDateTime,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        const EXPIRED: &str = "SELECT id, attempt, cancel_requested FROM jobs WHERE lease_until < $1 AND status = 'running' ORDER BY id";
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
        self.put_all_back(tx, left, max_attempts).await
    }

    pub(in crate::db) async fn recover_worker(
        &self,
        worker: &str,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        let mut tx = self.write().await?;
        let left = sqlx::query_as(
            "SELECT id, attempt, cancel_requested FROM jobs WHERE worker = $1 AND status = 'running' ORDER BY id",
        )
        .bind(worker)
        .fetch_all(&mut *tx)
        .await?;
        self.put_all_back(tx, left, max_attempts).await
    }

    async fn put_all_back(
        &self,
        mut tx: Tx,
        found: Vec<LeftRow>,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        let mut queued = Vec::new();
        let mut told = Vec::with_capacity(found.len());
        for row in found {
            let left = Left::of(row)?;
            if put_back(&mut tx, &left, max_attempts).await? == Status::Queued {
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

/// Queues a job anew; ends it when somebody asked for that, or when it has worn out its attempts.
async fn put_back(tx: &mut Tx, left: &Left, max_attempts: u32) -> Result<Status, DbError> {
    let Left { id, attempt, .. } = *left;
    if left.cancel_requested {
        endings::end(tx, id, attempt, Status::Cancelled, None, None).await?;
        return Ok(Status::Cancelled);
    }
    if attempt >= max_attempts {
        let failure = Failure {
            fault: Fault::trainer(
                "worker.lost",
                format!(
                    "the worker fell silent, and so did those before it: {attempt} attempts began and none ended"
                ),
            ),
            detail: None,
        };
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
