//! Objects that nothing names any more, and that nobody but the one who forgot them knows of.

use assay_attest::Digest;

use super::{Backend, Tx, rows};
use crate::db::DbError;

/// Notes one, in the caller's transaction.
pub(super) async fn add(tx: &mut Tx, digest: &str) -> Result<(), DbError> {
    sqlx::query(concat!(
        "INSERT INTO unneeded (digest, at) VALUES ($1, ",
        now!(),
        ") ON CONFLICT (digest) DO NOTHING"
    ))
    .bind(digest)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl Backend {
    pub(in crate::db) async fn unneeded(&self, limit: u32) -> Result<Vec<Digest>, DbError> {
        let found: Vec<String> =
            sqlx::query_scalar("SELECT digest FROM unneeded ORDER BY digest LIMIT $1")
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await?;
        let digest =
            |text: &String| rows::digest(text).map_err(rows::corrupt_row("(unneeded objects)"));
        Ok(rows::readable(found.iter().map(digest)))
    }

    pub(in crate::db) async fn unneeded_settled(&self, digest: Digest) -> Result<(), DbError> {
        let mut tx = self.write_relaxed().await?;
        sqlx::query("DELETE FROM unneeded WHERE digest = $1")
            .bind(digest.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }
}
