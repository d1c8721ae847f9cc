//! What scans of images found.

use assay_attest::Digest;

use super::{Backend, rows};
use crate::{db::DbError, scan::Scan};

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
