//! Paths over objects.

use sqlx::QueryBuilder;

use super::{Backend, Driver, Tx, number, rows};
use crate::{
    db::DbError,
    ids::JobId,
    job::{Artifact, Role},
};
use assay_attest::Digest;

impl Backend {
    /// Writes the rows of artifacts and of the objects that they name, in the caller's transaction, which must be one
    /// that may name objects.
    pub(super) async fn add_artifacts(
        tx: &mut Tx,
        id: JobId,
        attempt: u32,
        artifacts: &[Artifact],
    ) -> Result<(), DbError> {
        if artifacts.is_empty() {
            return Ok(());
        }
        let digests: Vec<Digest> = artifacts.iter().map(|artifact| artifact.digest).collect();
        Self::may_be_named(tx, &digests).await?;
        // In the order of their keys: of two jobs with the same objects, one waits for the other, never both.
        let mut objects: Vec<&Artifact> = artifacts.iter().collect();
        objects.sort_by_key(|artifact| artifact.digest);
        QueryBuilder::<Driver>::new("INSERT INTO objects (digest, bytes, created_at) ")
            .push_values(objects, |mut row, artifact| {
                row.push_bind(artifact.digest.to_string());
                row.push_bind(number(artifact.bytes));
                row.push(now!());
            })
            .push(" ON CONFLICT (digest) DO NOTHING")
            .build()
            .execute(&mut **tx)
            .await?;
        let mut sorted: Vec<&Artifact> = artifacts.iter().collect();
        sorted.sort_by_key(|artifact| artifact.order());
        let id = id.to_string();
        QueryBuilder::<Driver>::new(
            "INSERT INTO artifacts (job_id, path, role, digest, attempt, position) ",
        )
        .push_values(
            sorted.into_iter().enumerate(),
            |mut row, (position, artifact)| {
                row.push_bind(id.clone());
                row.push_bind(artifact.path.clone());
                row.push_bind(artifact.role.as_str());
                row.push_bind(artifact.digest.to_string());
                row.push_bind(i64::from(attempt));
                row.push_bind(number(position));
            },
        )
        .build()
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Waits until the objects have reached the disk: a row that is committed names nothing that power loss takes away.
    pub(super) async fn durable(
        &self,
        digests: impl Iterator<Item = Digest>,
    ) -> Result<(), DbError> {
        for digest in digests {
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
        connection: impl sqlx::Executor<'_, Database = Driver>,
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

    pub(in crate::db) async fn jobs_with(
        &self,
        digest: Digest,
        role: Role,
        limit: u32,
    ) -> Result<Vec<JobId>, DbError> {
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT job_id FROM artifacts WHERE digest = $1 AND role = $2 ORDER BY job_id DESC LIMIT $3",
        )
        .bind(digest.to_string())
        .bind(role.as_str())
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        found.iter().map(|text| rows::id(text)).collect()
    }

    pub(in crate::db) async fn object_is_referenced(
        &self,
        digest: Digest,
    ) -> Result<bool, DbError> {
        Self::is_named(&self.readers, digest).await
    }

    /// Whether a row names this object: an artifact, a checkpoint, or a scan by its link.
    pub(super) async fn is_named(
        connection: impl sqlx::Executor<'_, Database = Driver>,
        digest: Digest,
    ) -> Result<bool, DbError> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT CAST(1 AS BIGINT) WHERE EXISTS (SELECT 1 FROM artifacts WHERE digest = $1) OR EXISTS (SELECT 1 FROM checkpoints WHERE digest = $1) OR EXISTS (SELECT 1 FROM scans WHERE link = $1)",
        )
        .bind(digest.to_string())
        .fetch_optional(connection)
        .await?;
        Ok(found.is_some())
    }

    pub(in crate::db) async fn objects_under(
        &self,
        two_digits: &str,
    ) -> Result<Vec<Digest>, DbError> {
        // 'g' is the first letter after the digits of a digest. What an artifact ever named, one still names.
        let found: Vec<String> = sqlx::query_scalar(
            "SELECT digest FROM objects WHERE digest >= $1 AND digest < $2 UNION SELECT digest FROM checkpoints WHERE digest >= $1 AND digest < $2 UNION SELECT link FROM scans WHERE link >= $1 AND link < $2 ORDER BY 1",
        )
        .bind(two_digits)
        .bind(format!("{two_digits}g"))
        .fetch_all(&self.readers)
        .await?;
        let digest = |text: &String| rows::digest(text).map_err(rows::corrupt_row("(objects)"));
        Ok(rows::readable(found.iter().map(digest)))
    }
}
