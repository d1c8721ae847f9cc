//! Workers, as they describe themselves.

use std::time::Duration;

use super::{Backend, millis, rows};
use crate::{
    db::DbError,
    worker::{WorkerRow, WorkerState},
};

/// A worker that said nothing for so long is not listed any more.
const FORGOTTEN: Duration = Duration::from_hours(24);

impl Backend {
    pub(in crate::db) async fn worker_seen(&self, worker: &WorkerRow) -> Result<bool, DbError> {
        let mut tx = self.write_relaxed().await?;
        let draining: i64 = sqlx::query_scalar(concat!(
            "INSERT INTO workers (name, class, slots, running, version, image, image_digest, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, ",
            now!(),
            ") ON CONFLICT (name) DO UPDATE SET class = excluded.class, slots = excluded.slots, running = excluded.running, version = excluded.version, image = excluded.image, image_digest = excluded.image_digest, seen_at = excluded.seen_at RETURNING draining"
        ))
        .bind(&worker.name)
        .bind(worker.class.as_str())
        .bind(i64::from(worker.slots))
        .bind(serde_json::to_string(&worker.running)?)
        .bind(&worker.version)
        .bind(worker.image.as_deref())
        .bind(worker.image_digest.map(|digest| digest.to_string()))
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(draining != 0)
    }

    pub(in crate::db) async fn worker_gone(&self, name: &str) -> Result<(), DbError> {
        let mut tx = self.write_relaxed().await?;
        sqlx::query("DELETE FROM workers WHERE name = $1 AND draining = 0")
            .bind(name)
            .execute(&mut *tx)
            .await?;
        // A wish to drain outlives a restart; what the worker said of itself does not.
        sqlx::query("UPDATE workers SET seen_at = 0, running = '[]' WHERE name = $1")
            .bind(name)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    pub(in crate::db) async fn workers(&self) -> Result<Vec<WorkerState>, DbError> {
        let found = sqlx::query(concat!(
            "SELECT name, class, slots, running, version, image, image_digest, draining, seen_at, ",
            now!(),
            " - seen_at FROM workers WHERE seen_at > ",
            now!(),
            " - $1 ORDER BY name"
        ))
        .bind(millis(FORGOTTEN))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows::readable(found.iter().map(rows::worker)))
    }

    pub(in crate::db) async fn drain(&self, name: &str, draining: bool) -> Result<bool, DbError> {
        let mut tx = self.write().await?;
        let changed = sqlx::query("UPDATE workers SET draining = $2 WHERE name = $1")
            .bind(name)
            .bind(i64::from(draining))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(changed.rows_affected() > 0)
    }
}
