//! Tombstones: objects that are being removed from a store that other processes write to.
//!
//! A tombstone is written only while no row names the object, and no row may name it while the tombstone stands. So
//! between the two, the object can be removed, however long the store takes to answer. One that says that the object is
//! gone stays for a while: who stored the object while it was being removed must look whether it is there.

use std::time::Duration;

use assay_attest::Digest;

use super::{Backend, Tx, millis, rows};
use crate::db::DbError;

impl Backend {
    pub(in crate::db) async fn begin_collect(
        &self,
        digest: Digest,
        claim: Duration,
    ) -> Result<bool, DbError> {
        let mut tx = self.write_collecting().await?;
        if Self::is_named(&mut *tx, digest).await? {
            return Ok(false);
        }
        let taken = sqlx::query(concat!(
            "INSERT INTO collected (digest, at, gone) VALUES ($1, ",
            now!(),
            ", 0) ON CONFLICT (digest) DO UPDATE SET at = excluded.at, gone = 0 WHERE collected.gone = 1 OR collected.at + $2 <= excluded.at"
        ))
        .bind(digest.to_string())
        .bind(millis(claim))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(taken.rows_affected() == 1)
    }

    pub(in crate::db) async fn collected(&self, digest: Digest) -> Result<(), DbError> {
        let mut tx = self.write().await?;
        sqlx::query(concat!(
            "UPDATE collected SET gone = 1, at = ",
            now!(),
            " WHERE digest = $1"
        ))
        .bind(digest.to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    pub(in crate::db) async fn revive(&self, digest: Digest) -> Result<bool, DbError> {
        let mut tx = self.write().await?;
        let revived = sqlx::query("DELETE FROM collected WHERE digest = $1 AND gone = 1")
            .bind(digest.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(revived.rows_affected() == 1)
    }

    pub(in crate::db) async fn forget_collected(&self, age: Duration) -> Result<(), DbError> {
        let mut tx = self.write().await?;
        sqlx::query(concat!(
            "DELETE FROM collected WHERE gone = 1 AND at + $1 <= ",
            now!()
        ))
        .bind(millis(age))
        .execute(&mut *tx)
        .await?;
        tx.commit().await
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
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT digest FROM collected WHERE gone = 0 ORDER BY at, digest LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let digest = |text: &String| rows::digest(text).map_err(rows::corrupt_row("(tombstones)"));
        Ok(rows::readable(found.iter().map(digest)))
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
