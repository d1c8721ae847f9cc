//! A job's log of events.

use assay_protocol::{EpochReport, Event};

use super::{Backend, Tx, rows};
use crate::{
    db::DbError,
    ids::JobId,
    job::{JobEvent, LoggedEvent},
};

/// Events of one answer at most, whatever is asked for.
const MOST_EVENTS: u32 = 10_000;

/// Writes one event in the caller's transaction, which holds the job's row.
pub(super) async fn add(
    tx: &mut Tx,
    id: JobId,
    attempt: u32,
    event: &JobEvent,
) -> Result<(), DbError> {
    sqlx::query(concat!(
        "INSERT INTO events (job_id, attempt, at, event) VALUES ($1, $2, ",
        now!(),
        ", $3)"
    ))
    .bind(id.to_string())
    .bind(i64::from(attempt))
    .bind(serde_json::to_string(event)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn epoch(event: &JobEvent) -> Option<&EpochReport> {
    match event {
        JobEvent::Trainer {
            event: Event::Epoch(report),
        } => Some(report),
        _ => None,
    }
}

fn resumed(event: &JobEvent) -> Option<u32> {
    match event {
        JobEvent::Trainer {
            event: Event::Resumed { epoch },
        } => Some(*epoch),
        _ => None,
    }
}

impl Backend {
    pub(in crate::db) async fn log(
        &self,
        id: JobId,
        attempt: u32,
        events: &[JobEvent],
    ) -> Result<(), DbError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut tx = self.write_relaxed().await?;
        if !Self::holds_lease(&mut tx, id, attempt).await? {
            return Ok(());
        }
        for event in events {
            add(&mut tx, id, attempt, event).await?;
        }
        // The status shows the last epoch as soon as the log does, in the same transaction.
        if let Some(report) = events.iter().rev().find_map(epoch) {
            sqlx::query("UPDATE jobs SET progress = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(serde_json::to_string(report)?)
                .execute(&mut *tx)
                .await?;
        }
        if let Some(epoch) = events.iter().rev().find_map(resumed) {
            sqlx::query("UPDATE jobs SET resumed_from = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(i64::from(epoch))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        self.notify(id);
        Ok(())
    }

    pub(in crate::db) async fn events(
        &self,
        id: JobId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<LoggedEvent>, DbError> {
        let found = sqlx::query(
            "SELECT id, at, attempt, event FROM events WHERE job_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(id.to_string())
        .bind(after)
        .bind(i64::from(limit.min(MOST_EVENTS)))
        .fetch_all(&self.readers)
        .await?;
        found.iter().map(|row| rows::event(id, row)).collect()
    }
}
