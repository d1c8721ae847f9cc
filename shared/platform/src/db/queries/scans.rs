//! What scans of images found.

use std::time::Duration;

use assay_attest::Digest;
use time::OffsetDateTime;

use super::{Backend, millis, outbox, rows};
use crate::{
    db::DbError,
    ids::JobId,
    scan::{Counts, ImageSeen, Scan, ScanBrief, ScanOutcome, ScanTimes},
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
        sqlx::query(concat!(
            "INSERT INTO scans (id, image_digest, scanned_at, outcome, link, scan) VALUES ($1, $2, ",
            now!(),
            ", $3, $4, $5) ON CONFLICT (id) DO NOTHING"
        ))
        .bind(scan.id.hyphenated().to_string())
        .bind(scan.image_digest.to_string())
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
        let found: Option<ScanRow> = sqlx::query_as(
            "SELECT id, image_digest, scanned_at, outcome, link, scan FROM scans WHERE image_digest = $1 ORDER BY scanned_at DESC, id DESC LIMIT 1",
        )
        .bind(image.to_string())
        .fetch_optional(&self.readers)
        .await?;
        found.map(read).transpose()
    }

    pub(in crate::db) async fn now(&self) -> Result<OffsetDateTime, DbError> {
        let millis: i64 = sqlx::query_scalar(concat!("SELECT ", now!()))
            .fetch_one(&self.readers)
            .await?;
        rows::moment(millis).map_err(rows::corrupt_row("(the clock)"))
    }

    pub(in crate::db) async fn scan_times(&self) -> Result<ScanTimes, DbError> {
        let newest: Option<String> = sqlx::query_scalar(
            "SELECT outcome FROM scans ORDER BY scanned_at DESC, id DESC LIMIT 1",
        )
        .fetch_optional(&self.readers)
        .await?;
        let success: Option<(i64, i64)> = sqlx::query_as(concat!(
            "SELECT scanned_at, ",
            now!(),
            " - scanned_at FROM scans WHERE outcome <> 'failed' ORDER BY scanned_at DESC, id DESC LIMIT 1"
        ))
        .fetch_optional(&self.readers)
        .await?;
        let success = success.map(|(at, age)| {
            let age = u64::try_from(age).unwrap_or(0);
            let at = rows::moment(at).map_err(rows::corrupt_row("(scans)"))?;
            Ok::<_, DbError>((at, Duration::from_millis(age)))
        });
        Ok(ScanTimes {
            last_success: success.transpose()?,
            newest_failed: newest.as_deref() == Some(ScanOutcome::Failed.as_str()),
        })
    }

    pub(in crate::db) async fn newest_scan_brief(
        &self,
        image: Digest,
    ) -> Result<Option<ScanBrief>, DbError> {
        let found: Option<(String, String, i64)> = sqlx::query_as(
            "SELECT id, outcome, scanned_at FROM scans WHERE image_digest = $1 ORDER BY scanned_at DESC, id DESC LIMIT 1",
        )
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
        let found: Vec<ScanRow> = sqlx::query_as(
            "SELECT id, image_digest, scanned_at, outcome, link, scan FROM scans ORDER BY scanned_at DESC, id DESC LIMIT $1",
        )
        .bind(i64::from(limit.min(MOST_SCANS)))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows::readable(found.into_iter().map(read)))
    }
}

/// `id`, `image_digest`, `scanned_at`, `outcome`, `link`, `scan`.
type ScanRow = (String, String, i64, String, Option<String>, String);

/// A scan as its row has it. The time is that of the column, which the database wrote. A row whose text says something
/// else than its columns was not written by a scanner: nothing in it is knowledge, so it is a scan that failed.
fn read((id, image, at, outcome, link, text): ScanRow) -> Result<Scan, DbError> {
    let corrupt = rows::corrupt_row("(scans)");
    let mut scan: Scan = rows::json(&text).map_err(corrupt)?;
    let named = scan.link.map(|link| link.to_string());
    let agrees = scan.id.hyphenated().to_string() == id
        && scan.image_digest.to_string() == image
        && scan.outcome.as_str() == outcome
        && named == link;
    if !agrees {
        scan.id = id.parse().map_err(|_| corrupt(format!("the id {id:?}")))?;
        scan.image_digest = rows::digest(&image).map_err(corrupt)?;
        scan.outcome = ScanOutcome::Failed;
        scan.reason =
            Some("the row of the scan does not agree with itself: it was changed".to_owned());
        scan.counts = Counts::default();
        scan.vulnerabilities = Vec::new();
        (scan.json, scan.cyclonedx, scan.link) = (None, None, None);
    }
    scan.scanned_at = rows::moment(at).map_err(corrupt)?;
    Ok(scan)
}
