//! What scans of images found.

use std::time::Duration;

use assay_attest::Digest;

use super::{Backend, millis, outbox, rows};
use crate::{
    db::DbError,
    ids::JobId,
    scan::{ImageSeen, Scan, ScanBrief},
};

/// Rows of an answer at most, whatever is asked for.
const MOST_SCANS: u32 = 1000;

impl Backend {
    pub(in crate::db) async fn record_scan(&self, scan: &Scan) -> Result<(), DbError> {
        self.durable(scan.link.into_iter()).await?;
        let mut tx = self.write_naming().await?;
        if let Some(link) = scan.link {
            Self::may_be_named(&mut tx, &[link]).await?;
        }
        sqlx::query(
            "INSERT INTO scans (id, image_digest, scanned_at, outcome, link, scan) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
        )
        .bind(scan.id.hyphenated().to_string())
        .bind(scan.image_digest.to_string())
        .bind(rows::moment_millis(scan.scanned_at))
        .bind(scan.outcome.as_str())
        .bind(scan.link.map(|link| link.to_string()))
        .bind(serde_json::to_string(scan)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        if let Some(link) = scan.link {
            self.holds.settle(link);
        }
        Ok(())
    }

    pub(in crate::db) async fn newest_scan(&self, image: Digest) -> Result<Option<Scan>, DbError> {
        let found: Option<String> = sqlx::query_scalar(concat!(
            "SELECT scan FROM scans WHERE image_digest = $1 AND scanned_at <= ",
            now!(),
            " ORDER BY scanned_at DESC, id DESC LIMIT 1"
        ))
        .bind(image.to_string())
        .fetch_optional(&self.readers)
        .await?;
        found.map(|text| read(&text)).transpose()
    }

    pub(in crate::db) async fn newest_scan_brief(
        &self,
        image: Digest,
    ) -> Result<Option<ScanBrief>, DbError> {
        let found: Option<(String, String, i64)> = sqlx::query_as(concat!(
            "SELECT id, outcome, scanned_at FROM scans WHERE image_digest = $1 AND scanned_at <= ",
            now!(),
            " ORDER BY scanned_at DESC, id DESC LIMIT 1"
        ))
        .bind(image.to_string())
        .fetch_optional(&self.readers)
        .await?;
        let Some((id, outcome, scanned_at)) = found else {
            return Ok(None);
        };
        rows::moment(scanned_at)
            .and_then(|at| ScanBrief::of_row(&id, &outcome, at))
            .map(Some)
            .map_err(rows::corrupt_row("(scans)"))
    }

    pub(in crate::db) async fn still_held(
        &self,
        id: JobId,
        seen: &ImageSeen,
        reason: &str,
        recheck: Duration,
    ) -> Result<bool, DbError> {
        let mut tx = self.write().await?;
        let held = sqlx::query(concat!(
            "UPDATE jobs SET held = $2, not_before = ",
            now!(),
            " + $3 WHERE id = $1 AND status = 'queued' AND held IS NOT NULL"
        ))
        .bind(id.to_string())
        // No text of a row may hold a zero byte.
        .bind(reason.replace('\0', ""))
        .bind(millis(recheck))
        .execute(&mut *tx)
        .await?;
        if held.rows_affected() == 0 {
            return Ok(false);
        }
        outbox::add(&mut tx, id, recheck).await?;
        sqlx::query("UPDATE image_scans SET seen = $2 WHERE job_id = $1")
            .bind(id.to_string())
            .bind(serde_json::to_string(seen)?)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.notify(id);
        Ok(true)
    }

    pub(in crate::db) async fn note_image(
        &self,
        id: JobId,
        attempt: u32,
        seen: &ImageSeen,
    ) -> Result<bool, DbError> {
        let mut tx = self.write().await?;
        if !Self::holds_lease(&mut tx, id, attempt).await? {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO image_scans (job_id, attempt, seen) VALUES ($1, $2, $3) ON CONFLICT (job_id) DO UPDATE SET attempt = excluded.attempt, seen = excluded.seen",
        )
        .bind(id.to_string())
        .bind(i64::from(attempt))
        .bind(serde_json::to_string(seen)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn image_seen(&self, id: JobId) -> Result<Option<ImageSeen>, DbError> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT seen FROM image_scans WHERE job_id = $1")
                .bind(id.to_string())
                .fetch_optional(&self.readers)
                .await?;
        let id = id.to_string();
        found
            .map(|text| rows::json(&text).map_err(rows::corrupt_row(&id)))
            .transpose()
    }

    pub(in crate::db) async fn scans(&self, limit: u32) -> Result<Vec<Scan>, DbError> {
        let found: Vec<String> =
            sqlx::query_scalar("SELECT scan FROM scans ORDER BY scanned_at DESC, id DESC LIMIT $1")
                .bind(i64::from(limit.min(MOST_SCANS)))
                .fetch_all(&self.readers)
                .await?;
        found.iter().map(|text| read(text)).collect()
    }
}

fn read(text: &str) -> Result<Scan, DbError> {
    rows::json(text).map_err(rows::corrupt_row("(scans)"))
}
