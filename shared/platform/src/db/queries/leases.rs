//! How a job gets out of the hands of a worker that will not end it.

use std::time::Duration;

use assay_attest::Digest;
use assay_protocol::Fault;

use super::{
    Backend, Tx,
    endings::{self, End},
    events, millis, outbox, rows,
};
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

/// The tables hold no larger number of lost attempts; nobody came by it honestly.
const MOST_LOST: u32 = 1_000_000_000;
/// Rows that are put back in one transaction.
const BATCH: i64 = 100;

/// Why a job leaves its worker.
#[derive(Clone, Copy)]
enum Why<'a> {
    /// The worker stops in order.
    Stopping,
    /// The platform failed it, and how many attempts of a job may end so.
    Broken {
        reason: &'a str,
        max_attempts: u32,
        delay: Duration,
    },
    /// It may not run now.
    Held { reason: &'a str, recheck: Duration },
}

impl Why<'_> {
    fn counts(self) -> bool {
        matches!(self, Self::Broken { .. })
    }

    /// How long the job waits, and what is said of it meanwhile.
    fn wait(self) -> (Duration, Option<String>) {
        match self {
            Self::Stopping => (Duration::ZERO, None),
            Self::Broken { delay, .. } => (delay, None),
            // No text of a row may hold a zero byte.
            Self::Held { reason, recheck } => (recheck, Some(reason.replace('\0', ""))),
        }
    }
}

impl Backend {
    pub(in crate::db) async fn release(&self, id: JobId, attempt: u32) -> Result<bool, DbError> {
        Ok(self.let_go(id, attempt, Why::Stopping).await?.is_some())
    }

    pub(in crate::db) async fn put_back(
        &self,
        id: JobId,
        attempt: u32,
        reason: &str,
        max_attempts: u32,
        delay: Duration,
    ) -> Result<Option<Status>, DbError> {
        let why = Why::Broken {
            reason,
            max_attempts,
            delay,
        };
        self.let_go(id, attempt, why).await
    }

    pub(in crate::db) async fn hold(
        &self,
        id: JobId,
        attempt: u32,
        reason: &str,
        recheck: Duration,
    ) -> Result<bool, DbError> {
        let why = Why::Held { reason, recheck };
        Ok(self.let_go(id, attempt, why).await?.is_some())
    }

    pub(in crate::db) async fn release_holds(&self, image: Digest) -> Result<u64, DbError> {
        let mut tx = self.write().await?;
        // A held job's last attempt has noted in which image it would have run.
        let released: Vec<String> = sqlx::query_scalar(concat!(
            "UPDATE jobs SET not_before = NULL WHERE id IN (SELECT id FROM jobs WHERE held IS NOT NULL AND status = 'queued' AND EXISTS (SELECT 1 FROM image_scans WHERE image_scans.job_id = jobs.id AND ",
            json_field!("image_scans.seen", "image_digest"),
            " = $1) ORDER BY id",
            lock!(),
            ") RETURNING id"
        ))
        .bind(format!("sha256:{image}"))
        .fetch_all(&mut *tx)
        .await?;
        sqlx::query(concat!(
            "WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE job_id IN (SELECT value FROM ",
            listed!("$1"),
            ") ORDER BY id",
            lock!(),
            ") UPDATE outbox SET ring_at = ",
            now!(),
            ", pause = 0 WHERE id IN (SELECT id FROM due)"
        ))
        .bind(serde_json::to_string(&released)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        for id in &released {
            self.notify(rows::id(id)?);
        }
        Ok(u64::try_from(released.len()).unwrap_or(u64::MAX))
    }

    async fn let_go(
        &self,
        id: JobId,
        attempt: u32,
        why: Why<'_>,
    ) -> Result<Option<Status>, DbError> {
        let mut tx = self.write().await?;
        let found: Option<LeftRow> = sqlx::query_as(concat!(
            "SELECT id, attempt, cancel_requested, lost FROM jobs WHERE id = $1 AND status = 'running' AND attempt = $2",
            lock!()
        ))
        .bind(id.to_string())
        .bind(i64::from(attempt))
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = found else {
            return Ok(None);
        };
        let status = queue_again(&mut tx, &Left::of(row)?, why).await?;
        tx.commit().await?;
        self.notify(id);
        Ok(Some(status))
    }

    pub(in crate::db) async fn expire_leases(
        &self,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        let why = Why::Broken {
            reason: "the worker fell silent",
            max_attempts,
            delay: Duration::ZERO,
        };
        let mut queued = Vec::new();
        // Onward only: a row that cannot be read stays as it is, and must not be met again and again.
        let mut after = String::new();
        // Nearly always there is none, and asking does not keep the writer.
        while sqlx::query_scalar::<_, i64>(concat!(
            "SELECT attempt FROM jobs WHERE lease_until <= ",
            now!(),
            " AND status = 'running' AND id > $1 LIMIT 1"
        ))
        .bind(&after)
        .fetch_optional(&self.readers)
        .await?
        .is_some()
        {
            let mut tx = self.write().await?;
            let left: Vec<LeftRow> = sqlx::query_as(concat!(
                "SELECT id, attempt, cancel_requested, lost FROM jobs WHERE lease_until <= ",
                now!(),
                " AND status = 'running' AND id > $2 ORDER BY id LIMIT $1",
                skip_locked!()
            ))
            .bind(BATCH)
            .bind(&after)
            .fetch_all(&mut *tx)
            .await?;
            let Some((last, ..)) = left.last() else {
                // Somebody else has them.
                break;
            };
            after.clone_from(last);
            queued.extend(self.queue_all_again(tx, left, why).await?);
        }
        Ok(queued)
    }

    pub(in crate::db) async fn recover_worker(
        &self,
        worker: &str,
        max_attempts: u32,
    ) -> Result<Vec<JobId>, DbError> {
        let why = Why::Broken {
            reason: "the worker ended without a word",
            max_attempts,
            delay: Duration::ZERO,
        };
        let mut queued = Vec::new();
        let mut after = String::new();
        loop {
            let mut tx = self.write().await?;
            let left: Vec<LeftRow> = sqlx::query_as(concat!(
                "SELECT id, attempt, cancel_requested, lost FROM jobs WHERE worker = $1 AND status = 'running' AND id > $3 ORDER BY id LIMIT $2",
                lock!()
            ))
            .bind(worker)
            .bind(BATCH)
            .bind(&after)
            .fetch_all(&mut *tx)
            .await?;
            let Some((last, ..)) = left.last() else {
                return Ok(queued);
            };
            after.clone_from(last);
            queued.extend(self.queue_all_again(tx, left, why).await?);
        }
    }

    async fn queue_all_again(
        &self,
        mut tx: Tx,
        found: Vec<LeftRow>,
        why: Why<'_>,
    ) -> Result<Vec<JobId>, DbError> {
        let mut queued = Vec::new();
        let mut told = Vec::with_capacity(found.len());
        for left in rows::readable(found.into_iter().map(Left::of)) {
            if queue_again(&mut tx, &left, why).await? == Status::Queued {
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

/// Queues a job anew; ends it when somebody asked for that, or when it has lost too many attempts. The caller's
/// transaction holds the job's row.
async fn queue_again(tx: &mut Tx, left: &Left, why: Why<'_>) -> Result<Status, DbError> {
    let Left { id, attempt, .. } = *left;
    if left.cancel_requested {
        endings::end(tx, id, attempt, Status::Cancelled, End::default()).await?;
        return Ok(Status::Cancelled);
    }
    let lost = left
        .lost
        .saturating_add(u32::from(why.counts()))
        .min(MOST_LOST);
    match why {
        Why::Broken {
            reason,
            max_attempts,
            ..
        } if lost >= max_attempts => {
            set_lost(tx, id, lost).await?;
            let failure = worn_out(lost, reason);
            let written = End {
                failure: Some(&failure),
                ..End::default()
            };
            endings::end(tx, id, attempt, Status::Failed, written).await?;
            return Ok(Status::Failed);
        }
        _ => {}
    }
    let (wait, held) = why.wait();
    sqlx::query(concat!(
        "UPDATE jobs SET status = 'queued', worker = NULL, lease_until = NULL, progress = NULL, resumed_from = NULL, lost = $3, held = $4, not_before = CASE WHEN $5 > 0 THEN ",
        now!(),
        " + $5 END WHERE id = $1 AND status = 'running' AND attempt = $2"
    ))
    .bind(id.to_string())
    .bind(i64::from(attempt))
    .bind(i64::from(lost))
    .bind(held)
    .bind(millis(wait))
    .execute(&mut **tx)
    .await?;
    outbox::add(tx, id, wait).await?;
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
