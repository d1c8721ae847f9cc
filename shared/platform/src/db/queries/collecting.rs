//! Tombstones: objects that are being removed from a store that other processes write to.
//!
//! A tombstone is written only while no row names the object, and no row may name it while the tombstone stands. So
//! between the two, the object can be removed, however long the store takes to answer.

use assay_attest::Digest;

use super::{Backend, Tx, rows};
use crate::db::DbError;

impl Backend {
    pub(in crate::db) async fn begin_collect(&self, digest: Digest) -> Result<bool, DbError> {
        let mut tx = self.write_collecting().await?;
        if Self::is_named(&mut *tx, digest).await? {
            return Ok(false);
        }
        sqlx::query(concat!(
            "INSERT INTO collected (digest, at) VALUES ($1, ",
            now!(),
            ") ON CONFLICT (digest) DO NOTHING"
        ))
        .bind(digest.to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::db) async fn end_collect(&self, digest: Digest) -> Result<(), DbError> {
        let mut tx = self.write().await?;
        sqlx::query("DELETE FROM collected WHERE digest = $1")
            .bind(digest.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    pub(in crate::db) async fn collecting(&self, limit: u32) -> Result<Vec<Digest>, DbError> {
        let found: Vec<String> =
            sqlx::query_scalar("SELECT digest FROM collected ORDER BY at, digest LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await?;
        found
            .iter()
            .map(|text| rows::digest(text).map_err(rows::corrupt_row("(tombstones)")))
            .collect()
    }

    /// Refuses to name an object that is being removed, in the caller's transaction.
    pub(super) async fn may_be_named(tx: &mut Tx, digests: &[Digest]) -> Result<(), DbError> {
        let found: Option<String> = sqlx::query_scalar(concat!(
            "SELECT digest FROM collected WHERE digest IN (SELECT value FROM ",
            listed!("$1"),
            ") LIMIT 1"
        ))
        .bind(serde_json::to_string(digests)?)
        .fetch_optional(&mut **tx)
        .await?;
        match found {
            None => Ok(()),
            Some(text) => Err(DbError::Collected {
                digest: rows::digest(&text).map_err(rows::corrupt_row("(tombstones)"))?,
            }),
        }
    }
}
