//! Claims and leases: who may work on a job, and for how long.

use std::time::Duration;

use assay_protocol::{EpochReport, Fault};
use sqlx::{Row, SqliteConnection};
use time::OffsetDateTime;

use super::{
    Sqlite, events,
    rows::{Reading, json, millis, now},
};
use crate::{
    db::{DbError, Lease},
    ids::JobId,
    job::{Claim, Failure, JobEvent, Status},
};

impl Sqlite {
    pub(in crate::db) async fn claim(
        &self,
        id: JobId,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, DbError> {
        let text = id.to_string();
        let mut transaction = self.write.begin().await?;
        let claimed = sqlx::query(
            "UPDATE jobs SET status = 'running', attempt = attempt + 1, worker = ?, lease_until = ?, \
             started_at = ?, progress = NULL WHERE id = ? AND status = 'queued' RETURNING attempt",
        )
        .bind(worker)
        .bind(lease_end(lease))
        .bind(now())
        .bind(&text)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = claimed else {
            return Ok(None);
        };
        let attempt = u32::try_from(row.try_get::<i64, _>("attempt")?).unwrap_or(u32::MAX);
        let running = JobEvent::Status {
            status: Status::Running,
        };
        events::insert(&mut transaction, &text, attempt, &[running]).await?;
        transaction.commit().await?;
        let Some(job) = self.job(id).await? else {
            return Ok(None);
        };
        Ok(Some(Claim {
            artifacts: self.artifacts(id).await?,
            job,
            attempt,
        }))
    }

    pub(in crate::db) async fn heartbeat(
        &self,
        id: JobId,
        attempt: u32,
        lease: Duration,
        progress: Option<&EpochReport>,
    ) -> Result<Lease, DbError> {
        let progress = progress.map(json).transpose()?;
        let row = sqlx::query(
            "UPDATE jobs SET lease_until = ?, progress = COALESCE(?, progress) \
             WHERE id = ? AND attempt = ? AND status = 'running' RETURNING cancel_requested",
        )
        .bind(lease_end(lease))
        .bind(progress)
        .bind(id.to_string())
        .bind(i64::from(attempt))
        .fetch_optional(&self.write)
        .await?;
        Ok(match row {
            None => Lease::Lost,
            Some(row) if row.try_get::<i64, _>("cancel_requested")? != 0 => Lease::CancelRequested,
            Some(_) => Lease::Held,
        })
    }

    pub(in crate::db) async fn release(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        let id = id.to_string();
        let mut transaction = self.write.begin().await?;
        let row = sqlx::query(
            "SELECT cancel_requested FROM jobs WHERE id = ? AND attempt = ? AND status = 'running'",
        )
        .bind(&id)
        .bind(i64::from(attempt))
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else {
            return Ok(false);
        };
        let next = match row.try_get::<i64, _>("cancel_requested")? {
            0 => Next::Queue,
            _ => Next::Cancel,
        };
        take_back(&mut transaction, &id, attempt, next).await?;
        transaction.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn expire_leases(
        &self,
        now: OffsetDateTime,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        self.take_back_all(
            "SELECT id, attempt, cancel_requested FROM jobs WHERE status = 'running' AND lease_until < ?",
            Bound::Time(millis(now)),
            max_attempts,
        )
        .await
    }

    pub(in crate::db) async fn recover_worker(
        &self,
        worker: &str,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        self.take_back_all(
            "SELECT id, attempt, cancel_requested FROM jobs WHERE status = 'running' AND worker = ?",
            Bound::Worker(worker),
            max_attempts,
        )
        .await
    }

    async fn take_back_all(
        &self,
        which: &'static str,
        bound: Bound<'_>,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        let mut transaction = self.write.begin().await?;
        let query = match bound {
            Bound::Time(time) => sqlx::query(which).bind(time),
            Bound::Worker(worker) => sqlx::query(which).bind(worker.to_owned()),
        };
        let rows = query.fetch_all(&mut *transaction).await?;
        let mut queued = Vec::new();
        for row in rows {
            let id: String = row.try_get("id")?;
            let attempt = u32::try_from(row.try_get::<i64, _>("attempt")?).unwrap_or(u32::MAX);
            let next = if row.try_get::<i64, _>("cancel_requested")? != 0 {
                Next::Cancel
            } else if attempt >= max_attempts {
                Next::Fail
            } else {
                queued.push(Reading { id: &id, row: &row }.parsed("id")?);
                Next::Queue
            };
            take_back(&mut transaction, &id, attempt, next).await?;
        }
        transaction.commit().await?;
        Ok(queued)
    }
}

/// What a statement is asked with.
enum Bound<'a> {
    Time(i64),
    Worker(&'a str),
}

/// What becomes of a job whose worker gave it up or is gone.
#[derive(Clone, Copy)]
enum Next {
    Queue,
    Cancel,
    Fail,
}

async fn take_back(
    connection: &mut SqliteConnection,
    id: &str,
    attempt: u32,
    next: Next,
) -> Result<(), DbError> {
    let status = match next {
        Next::Queue => Status::Queued,
        Next::Cancel => Status::Cancelled,
        Next::Fail => Status::Failed,
    };
    let failure = match next {
        Next::Fail => Some(json(&Failure {
            fault: Fault::trainer(
                "worker.lost",
                format!("{attempt} workers took the job and none came to its end"),
            ),
            detail: None,
        })?),
        Next::Queue | Next::Cancel => None,
    };
    sqlx::query(
        "UPDATE jobs SET status = ?, failure = ?, worker = NULL, lease_until = NULL, finished_at = ? \
         WHERE id = ? AND attempt = ?",
    )
    .bind(status.as_str())
    .bind(failure)
    .bind(status.is_terminal().then(now))
    .bind(id)
    .bind(i64::from(attempt))
    .execute(&mut *connection)
    .await?;
    events::insert(connection, id, attempt, &[JobEvent::Status { status }]).await
}

/// When a lease that begins now ends.
fn lease_end(lease: Duration) -> i64 {
    now().saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}
