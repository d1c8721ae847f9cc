//! Artifacts: paths of a job over objects of the store.

use assay_attest::Digest;
use sqlx::{Row, SqliteConnection};

use super::{Sqlite, rows};
use crate::{db::DbError, ids::JobId, job::Artifact};

impl Sqlite {
    pub(in crate::db) async fn artifacts(&self, id: JobId) -> Result<Vec<Artifact>, DbError> {
        let id = id.to_string();
        let rows = sqlx::query(
            "SELECT path, role, artifacts.digest AS digest, bytes FROM artifacts \
             JOIN objects ON objects.digest = artifacts.digest \
             WHERE job_id = ? ORDER BY position",
        )
        .bind(&id)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(|row| rows::artifact(&id, row)).collect()
    }

    pub(in crate::db) async fn is_named(&self, digest: Digest) -> Result<bool, DbError> {
        // Asked on the writing connection, so that what was just committed is seen.
        let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM artifacts WHERE digest = ?) AS named")
            .bind(digest.to_string())
            .fetch_one(&self.write)
            .await?;
        Ok(row.try_get::<i64, _>("named")? != 0)
    }
}

/// Writes artifacts and the objects that they name, `first` being the position of the first in the job's list.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    job: &str,
    first: usize,
    artifacts: &[Artifact],
) -> Result<(), DbError> {
    let now = rows::now();
    for (offset, artifact) in artifacts.iter().enumerate() {
        let digest = artifact.digest.to_string();
        sqlx::query(
            "INSERT INTO objects (digest, bytes, created_at) VALUES (?, ?, ?) \
             ON CONFLICT (digest) DO NOTHING",
        )
        .bind(&digest)
        .bind(i64::try_from(artifact.bytes).unwrap_or(i64::MAX))
        .bind(now)
        .execute(&mut *connection)
        .await?;
        let role = serde_json::to_value(artifact.role)
            .ok()
            .and_then(|role| role.as_str().map(str::to_owned));
        sqlx::query(
            "INSERT INTO artifacts (job_id, path, position, role, digest) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(job)
        .bind(&artifact.path)
        .bind(i64::try_from(first + offset).unwrap_or(i64::MAX))
        .bind(role)
        .bind(&digest)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
