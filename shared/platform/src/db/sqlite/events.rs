//! The log of what happened to a job.

use sqlx::{Row, SqliteConnection};

use super::{
    Sqlite,
    rows::{Reading, json, now},
};
use crate::{
    db::DbError,
    ids::JobId,
    job::{JobEvent, LoggedEvent},
};

impl Sqlite {
    pub(in crate::db) async fn log(
        &self,
        id: JobId,
        attempt: u32,
        events: &[JobEvent],
    ) -> Result<(), DbError> {
        let id = id.to_string();
        let mut transaction = self.write.begin().await?;
        let held = sqlx::query(
            "SELECT 1 FROM jobs WHERE id = ? AND (? = 0 OR (attempt = ? AND status = 'running'))",
        )
        .bind(&id)
        .bind(i64::from(attempt))
        .bind(i64::from(attempt))
        .fetch_optional(&mut *transaction)
        .await?;
        if held.is_some() {
            insert(&mut transaction, &id, attempt, events).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    pub(in crate::db) async fn events(
        &self,
        id: JobId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<LoggedEvent>, DbError> {
        let id = id.to_string();
        let rows = sqlx::query(
            "SELECT id, at, attempt, event FROM events WHERE job_id = ? AND id > ? \
             ORDER BY id LIMIT ?",
        )
        .bind(&id)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        let event = |row| {
            let read = Reading { id: &id, row };
            Ok(LoggedEvent {
                id: row.try_get("id")?,
                at: read
                    .time("at")?
                    .ok_or_else(|| read.corrupt("an event without a time"))?,
                attempt: u32::try_from(row.try_get::<i64, _>("attempt")?).unwrap_or(u32::MAX),
                event: read.json("event")?,
            })
        };
        rows.iter().map(event).collect()
    }
}

/// Appends events.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    job: &str,
    attempt: u32,
    events: &[JobEvent],
) -> Result<(), DbError> {
    let now = now();
    for event in events {
        sqlx::query("INSERT INTO events (job_id, at, attempt, event) VALUES (?, ?, ?, ?)")
            .bind(job)
            .bind(now)
            .bind(i64::from(attempt))
            .bind(json(event)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
