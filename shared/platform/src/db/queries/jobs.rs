//! Writing a job, and reading jobs.

use std::time::Duration;

use sqlx::{Database, QueryBuilder, Row as _};

use super::{Backend, Driver, events, number, outbox, rows};
use crate::{
    db::{DbError, Doorbell, JobFilter, StatusRow},
    ids::{JobId, UniqueDir},
    job::{Job, JobEvent, NewJob, Status},
};

/// Rows of a page at most, whatever is asked for.
const MOST_ROWS: u32 = 1000;

impl Backend {
    pub(in crate::db) async fn insert_job(&self, job: &NewJob) -> Result<(), DbError> {
        let request = serde_json::to_string(&job.request)?;
        let name = job.request.metadata.model_name.as_deref();
        self.durable(job.artifacts.iter().map(|artifact| artifact.digest))
            .await?;
        let mut tx = self.write_naming().await?;
        let written = sqlx::query(
            "INSERT INTO jobs (id, unique_dir, status, model_name, request, class, priority, traceparent, submitted_at) VALUES ($1, $2, 'queued', $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
        )
        .bind(job.id.to_string())
        .bind(job.unique_dir.to_string())
        .bind(searchable(name.unwrap_or_default()))
        .bind(request)
        .bind(job.class.as_str())
        .bind(job.priority.as_str())
        .bind(job.traceparent.as_deref())
        .bind(rows::moment_millis(job.submitted_at))
        .execute(&mut *tx)
        .await?;
        // An id is made once: a row that is there was written by an earlier call whose answer was lost.
        if written.rows_affected() > 0 {
            Self::add_artifacts(&mut tx, job.id, 0, &job.artifacts).await?;
            outbox::add(&mut tx, job.id, Duration::ZERO).await?;
            let queued = JobEvent::Status {
                status: Status::Queued,
            };
            events::add(&mut tx, job.id, 0, &queued).await?;
        }
        tx.commit().await?;
        self.settle(&job.artifacts);
        self.notify(job.id);
        Ok(())
    }

    pub(in crate::db) async fn job(&self, id: JobId) -> Result<Option<Job>, DbError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            rows::job_columns!(),
            " FROM jobs WHERE id = $1"
        ))
        .bind(id.to_string())
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(rows::job).transpose()
    }

    pub(in crate::db) async fn job_of_dir(&self, dir: UniqueDir) -> Result<Option<Job>, DbError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            rows::job_columns!(),
            " FROM jobs WHERE unique_dir = $1"
        ))
        .bind(dir.to_string())
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(rows::job).transpose()
    }

    /// One row by its key. The names of the outputs stand in it, so that the hottest question needs no second table.
    pub(in crate::db) async fn status(&self, id: JobId) -> Result<Option<StatusRow>, DbError> {
        let row = sqlx::query(
            "SELECT status, unique_dir, progress, failure, outputs FROM jobs WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| rows::status_row(id, &row)).transpose()
    }

    /// A row that cannot be read is left out, and another takes its place: a short page would be taken for the last one.
    pub(in crate::db) async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, DbError> {
        let limit = filter.limit.min(MOST_ROWS) as usize;
        let mut before = filter.before.map(|id| id.to_string());
        let mut jobs = Vec::new();
        loop {
            let wanted = number(limit.saturating_sub(jobs.len()));
            let found = self.job_rows(filter, before, wanted).await?;
            jobs.extend(rows::readable(found.iter().map(rows::job)));
            let ended = number(found.len()) < wanted;
            match found.last() {
                Some(last) if jobs.len() < limit && !ended => {
                    before = Some(last.try_get(0)?);
                }
                _ => return Ok(jobs),
            }
        }
    }

    /// The newest rows of those that are asked for, older than `before`.
    async fn job_rows(
        &self,
        filter: &JobFilter,
        before: Option<String>,
        limit: i64,
    ) -> Result<Vec<<Driver as Database>::Row>, DbError> {
        let mut query = QueryBuilder::<Driver>::new(concat!(
            "SELECT ",
            rows::job_columns!(),
            " FROM jobs WHERE 1 = 1"
        ));
        if let Some(before) = before {
            query.push(" AND id < ").push_bind(before);
        }
        if !filter.statuses.is_empty() {
            let mut list = query.push(" AND status IN (").separated(", ");
            for status in &filter.statuses {
                list.push_bind(status.as_str());
            }
            query.push(")");
        }
        if let Some(part) = &filter.model_name {
            query
                .push(" AND model_name LIKE ")
                .push_bind(containing(part))
                .push(" ESCAPE '\\'");
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        Ok(query.build().fetch_all(&self.readers).await?)
    }

    pub(in crate::db) async fn counts(&self) -> Result<Vec<(Status, u64)>, DbError> {
        let found: (i64, i64, i64, i64, i64) = sqlx::query_as(
            "SELECT CAST(SUM(queued) AS BIGINT), CAST(SUM(running) AS BIGINT), CAST(SUM(completed) AS BIGINT), CAST(SUM(failed) AS BIGINT), CAST(SUM(cancelled) AS BIGINT) FROM job_counts",
        )
        .fetch_one(&self.readers)
        .await?;
        let counts = [
            (Status::Queued, found.0),
            (Status::Running, found.1),
            (Status::Completed, found.2),
            (Status::Failed, found.3),
            (Status::Cancelled, found.4),
        ];
        Ok(counts
            .map(|(status, count)| (status, count.unsigned_abs()))
            .into())
    }

    pub(in crate::db) async fn queued(&self) -> Result<Vec<Doorbell>, DbError> {
        let found = sqlx::query(concat!(
            "SELECT outbox.id, jobs.id, jobs.class, jobs.priority, jobs.traceparent FROM jobs JOIN outbox ON outbox.job_id = jobs.id WHERE jobs.status = 'queued' AND (jobs.not_before IS NULL OR jobs.not_before <= ",
            now!(),
            ") ORDER BY jobs.id"
        ))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows::readable(found.iter().map(rows::doorbell)))
    }
}

/// A name in the form in which names are searched. No text of a row may hold a zero byte.
fn searchable(name: &str) -> String {
    name.to_ascii_lowercase().replace('\0', "")
}

/// The pattern of `LIKE` for a text that contains this part, taken literally.
fn containing(part: &str) -> String {
    let mut pattern = String::from("%");
    for letter in searchable(part).chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
