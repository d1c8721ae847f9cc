//! Jobs: written once, read in many ways.

use sqlx::{QueryBuilder, Row};

use super::{
    Sqlite, artifacts, events,
    rows::{self, JOB_COLUMNS, Reading, json, millis, now},
};
use crate::{
    db::{DbError, JobFilter, StatusRow},
    ids::{JobId, UniqueDir},
    job::{Job, JobEvent, NewJob, Status},
};

impl Sqlite {
    pub(in crate::db) async fn insert_job(&self, job: &NewJob) -> Result<(), DbError> {
        let id = job.id.to_string();
        let mut transaction = self.write.begin().await?;
        sqlx::query(
            "INSERT INTO jobs (id, unique_dir, status, request, model_name, submitted_at) \
             VALUES (?, ?, 'queued', ?, ?, ?)",
        )
        .bind(&id)
        .bind(job.unique_dir.to_string())
        .bind(json(&job.request)?)
        .bind(&job.request.metadata.model_name)
        .bind(millis(job.submitted_at))
        .execute(&mut *transaction)
        .await?;
        artifacts::insert(&mut transaction, &id, 0, &job.artifacts).await?;
        let queued = JobEvent::Status {
            status: Status::Queued,
        };
        events::insert(&mut transaction, &id, 0, &[queued]).await?;
        sqlx::query("INSERT INTO outbox (job_id, created_at) VALUES (?, ?)")
            .bind(&id)
            .bind(now())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(in crate::db) async fn job(&self, id: JobId) -> Result<Option<Job>, DbError> {
        self.one("id", id.to_string()).await
    }

    pub(in crate::db) async fn job_of_dir(&self, dir: UniqueDir) -> Result<Option<Job>, DbError> {
        self.one("unique_dir", dir.to_string()).await
    }

    async fn one(&self, column: &'static str, value: String) -> Result<Option<Job>, DbError> {
        let mut query = QueryBuilder::new("SELECT ");
        query
            .push(JOB_COLUMNS)
            .push(" FROM jobs WHERE ")
            .push(column);
        query.push(" = ").push_bind(value);
        let row = query.build().fetch_optional(&self.read).await?;
        row.as_ref().map(rows::job).transpose()
    }

    pub(in crate::db) async fn status(&self, id: JobId) -> Result<Option<StatusRow>, DbError> {
        let id = id.to_string();
        let row = sqlx::query(
            "SELECT status, unique_dir, progress, failure, outputs FROM jobs WHERE id = ?",
        )
        .bind(&id)
        .fetch_optional(&self.read)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let read = Reading { id: &id, row: &row };
        Ok(Some(StatusRow {
            status: read.status()?,
            unique_dir: read.parsed("unique_dir")?,
            progress: read.optional("progress")?,
            failure: read.optional("failure")?,
            outputs: read.optional("outputs")?.unwrap_or_default(),
        }))
    }

    pub(in crate::db) async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, DbError> {
        let mut query = QueryBuilder::new("SELECT ");
        query.push(JOB_COLUMNS).push(" FROM jobs WHERE 1 = 1");
        if !filter.statuses.is_empty() {
            query.push(" AND status IN (");
            let mut list = query.separated(", ");
            for status in &filter.statuses {
                list.push_bind(status.as_str());
            }
            query.push(")");
        }
        if let Some(name) = &filter.model_name {
            // Both sides in lower case: LIKE ignores case in one database and not in the other.
            query.push(" AND LOWER(model_name) LIKE ");
            query.push_bind(format!("%{}%", like_literal(&name.to_ascii_lowercase())));
            query.push(" ESCAPE '\\'");
        }
        if let Some(before) = filter.before {
            query.push(" AND id < ").push_bind(before.to_string());
        }
        query
            .push(" ORDER BY id DESC LIMIT ")
            .push_bind(i64::from(filter.limit));
        let rows = query.build().fetch_all(&self.read).await?;
        rows.iter().map(rows::job).collect()
    }

    pub(in crate::db) async fn counts(&self) -> Result<Vec<(Status, u64)>, DbError> {
        let rows = sqlx::query("SELECT status, COUNT(*) AS count FROM jobs GROUP BY status")
            .fetch_all(&self.read)
            .await?;
        let count = |row| {
            let read = Reading { id: "(all)", row };
            let count: i64 = row.try_get("count")?;
            Ok((read.status()?, count.unsigned_abs()))
        };
        rows.iter().map(count).collect()
    }

    pub(in crate::db) async fn queued(&self) -> Result<Vec<JobId>, DbError> {
        let rows = sqlx::query("SELECT id FROM jobs WHERE status = 'queued' ORDER BY id")
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|row| {
                Reading {
                    id: "(queued)",
                    row,
                }
                .parsed("id")
            })
            .collect()
    }

    pub(in crate::db) async fn doorbells(&self, limit: u32) -> Result<Vec<JobId>, DbError> {
        let rows = sqlx::query("SELECT job_id FROM outbox ORDER BY created_at, job_id LIMIT ?")
            .bind(i64::from(limit))
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|row| {
                Reading {
                    id: "(outbox)",
                    row,
                }
                .parsed("job_id")
            })
            .collect()
    }

    pub(in crate::db) async fn rung(&self, ids: &[JobId]) -> Result<(), DbError> {
        let mut transaction = self.write.begin().await?;
        for id in ids {
            sqlx::query("DELETE FROM outbox WHERE job_id = ?")
                .bind(id.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Text that a LIKE pattern matches as it stands.
fn like_literal(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let special = matches!(c, '%' | '_' | '\\');
            special.then_some('\\').into_iter().chain([c])
        })
        .collect()
}
