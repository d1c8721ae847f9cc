//! Objects that nothing names any more, and that nobody but the one who forgot them knows of.

use std::time::Duration;

use assay_attest::Digest;

use super::{Backend, Tx, millis, rows};
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
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT digest FROM unneeded WHERE age = 0 ORDER BY digest LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let digest =
            |text: &String| rows::digest(text).map_err(rows::corrupt_row("(unneeded objects)"));
        Ok(rows::readable(found.iter().map(digest)))
    }

    pub(in crate::db) async fn note_refused(
        &self,
        digest: Digest,
        age: Duration,
    ) -> Result<(), DbError> {
        let mut tx = self.write_relaxed().await?;
        sqlx::query(concat!(
            "INSERT INTO unneeded (digest, at, age) VALUES ($1, ",
            now!(),
            ", $2) ON CONFLICT (digest) DO UPDATE SET at = excluded.at, age = excluded.age"
        ))
        .bind(digest.to_string())
        .bind(millis(age))
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    pub(in crate::db) async fn refused(&self, limit: u32) -> Result<Vec<Digest>, DbError> {
        let found: Vec<String> = sqlx::query_scalar(concat!(
            "SELECT digest FROM unneeded WHERE age > 0 AND at + age <= ",
            now!(),
            " ORDER BY at LIMIT $1"
        ))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let digest =
            |text: &String| rows::digest(text).map_err(rows::corrupt_row("(refused objects)"));
        Ok(rows::readable(found.iter().map(digest)))
    }

    pub(in crate::db) async fn unneeded_settled(&self, digest: Digest) -> Result<(), DbError> {
        let mut tx = self.write_relaxed().await?;
        // Noted anew meanwhile, it is looked at once more.
        sqlx::query(concat!(
            "DELETE FROM unneeded WHERE digest = $1 AND at + age <= ",
            now!()
        ))
        .bind(digest.to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}
