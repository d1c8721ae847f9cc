//! Paths over objects.

use super::{Sqlite, Tx, now, rows};
use crate::{db::DbError, ids::JobId, job::Artifact};
use assay_attest::Digest;

impl Sqlite {
    /// Writes the rows of artifacts and of the objects that they name, in the caller's transaction.
    pub(super) async fn add_artifacts(
        tx: &mut Tx,
        id: JobId,
        attempt: u32,
        artifacts: &[Artifact],
    ) -> Result<(), DbError> {
        let mut sorted: Vec<&Artifact> = artifacts.iter().collect();
        sorted.sort_by_key(|artifact| artifact.order());
        let id = id.to_string();
        for (position, artifact) in sorted.into_iter().enumerate() {
            let digest = artifact.digest.to_string();
            sqlx::query(
                "INSERT INTO objects (digest, bytes, created_at) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING",
            )
            .bind(&digest)
            .bind(i64::try_from(artifact.bytes).unwrap_or(i64::MAX))
            .bind(now())
            .execute(&mut **tx)
            .await?;
            sqlx::query(
                "INSERT INTO artifacts (job_id, path, role, digest, attempt, position) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&id)
            .bind(&artifact.path)
            .bind(artifact.role.as_str())
            .bind(&digest)
            .bind(i64::from(attempt))
            .bind(i64::try_from(position).unwrap_or(i64::MAX))
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }

    /// Waits until the objects have reached the disk: a row that is committed names nothing that power loss takes away.
    pub(super) async fn durable(&self, artifacts: &[Artifact]) -> Result<(), DbError> {
        for artifact in artifacts {
            let digest = artifact.digest;
            let arrived = self.holds.durable(digest).await;
            arrived.map_err(|source| DbError::NotDurable { digest, source })?;
        }
        Ok(())
    }

    /// Rows name these objects now: they need no hold any more.
    pub(super) fn settle(&self, artifacts: &[Artifact]) {
        for artifact in artifacts {
            self.holds.settle(artifact.digest);
        }
    }

    pub(in crate::db) async fn artifacts(&self, id: JobId) -> Result<Vec<Artifact>, DbError> {
        Self::artifacts_of(&self.readers, id).await
    }

    pub(super) async fn artifacts_of(
        connection: impl sqlx::Executor<'_, Database = sqlx::Sqlite>,
        id: JobId,
    ) -> Result<Vec<Artifact>, DbError> {
        let found = sqlx::query(
            "SELECT a.path, a.role, a.digest, o.bytes FROM artifacts a JOIN objects o ON o.digest = a.digest WHERE a.job_id = $1 ORDER BY a.attempt, a.position",
        )
        .bind(id.to_string())
        .fetch_all(connection)
        .await?;
        found.iter().map(|row| rows::artifact(id, row)).collect()
    }

    pub(in crate::db) async fn object_is_referenced(
        &self,
        digest: Digest,
    ) -> Result<bool, DbError> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM artifacts WHERE digest = $1 LIMIT 1")
                .bind(digest.to_string())
                .fetch_optional(&self.readers)
                .await?;
        Ok(found.is_some())
    }

    pub(in crate::db) async fn objects_under(
        &self,
        two_digits: &str,
    ) -> Result<Vec<Digest>, DbError> {
        // 'g' is the first letter after the digits of a digest.
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT digest FROM objects WHERE digest >= $1 AND digest < $2 ORDER BY digest",
        )
        .bind(two_digits)
        .bind(format!("{two_digits}g"))
        .fetch_all(&self.readers)
        .await?;
        found
            .iter()
            .map(|text| {
                text.parse()
                    .map_err(|error| rows::corrupt_row("(objects)")(format!("{error}")))
            })
            .collect()
    }
}
