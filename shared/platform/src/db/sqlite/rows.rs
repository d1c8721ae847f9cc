//! Rows to values and back.

use assay_protocol::JobRequest;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, sqlite::SqliteRow};
use time::OffsetDateTime;

use crate::{
    db::DbError,
    job::{Artifact, Job, Status, Times},
};

/// The columns that [`job`] reads.
pub(super) const JOB_COLUMNS: &str = "id, unique_dir, status, request, attempt, worker, \
     cancel_requested, progress, failure, timings, submitted_at, started_at, finished_at";

/// Milliseconds since 1970.
pub(super) fn millis(time: OffsetDateTime) -> i64 {
    // Milliseconds of any date that the type can hold fit.
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// Now, in milliseconds since 1970.
pub(super) fn now() -> i64 {
    millis(OffsetDateTime::now_utc())
}

/// A value as the text of a JSON column.
pub(super) fn json(value: &impl Serialize) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()).into())
}

/// A job of a row with [`JOB_COLUMNS`].
pub(super) fn job(row: &SqliteRow) -> Result<Job, DbError> {
    let id: String = row.try_get("id")?;
    let read = Reading { id: &id, row };
    Ok(Job {
        id: read.parsed("id")?,
        unique_dir: read.parsed("unique_dir")?,
        status: read.status()?,
        request: read.json::<JobRequest>("request")?,
        attempt: u32::try_from(row.try_get::<i64, _>("attempt")?).unwrap_or(u32::MAX),
        worker: row.try_get("worker")?,
        cancel_requested: row.try_get::<i64, _>("cancel_requested")? != 0,
        progress: read.optional("progress")?,
        failure: read.optional("failure")?,
        times: Times {
            submitted_at: read
                .time("submitted_at")?
                .ok_or_else(|| read.corrupt("submitted_at is empty"))?,
            started_at: read.time("started_at")?,
            finished_at: read.time("finished_at")?,
        },
        timings: read.optional("timings")?,
    })
}

/// An artifact of a row with path, role, digest and bytes.
pub(super) fn artifact(id: &str, row: &SqliteRow) -> Result<Artifact, DbError> {
    let read = Reading { id, row };
    Ok(Artifact {
        path: row.try_get("path")?,
        role: read.word("role")?,
        digest: read.parsed("digest")?,
        bytes: u64::try_from(row.try_get::<i64, _>("bytes")?)
            .map_err(|_| read.corrupt("bytes is negative"))?,
    })
}

/// A row being read, and the job that it is about.
pub(super) struct Reading<'a> {
    pub(super) id: &'a str,
    pub(super) row: &'a SqliteRow,
}

impl Reading<'_> {
    pub(super) fn status(&self) -> Result<Status, DbError> {
        let word: &str = self.row.try_get("status")?;
        Status::parse(word).ok_or_else(|| self.corrupt(format!("status is {word:?}")))
    }

    /// A column whose text is the value's own.
    pub(super) fn parsed<T: std::str::FromStr>(&self, column: &str) -> Result<T, DbError> {
        let text: &str = self.row.try_get(column)?;
        text.parse()
            .map_err(|_| self.corrupt(format!("{column} is {text:?}")))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, DbError> {
        let text: &str = self.row.try_get(column)?;
        serde_json::from_str(text).map_err(|error| self.corrupt(format!("{column}: {error}")))
    }

    pub(super) fn optional<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>, DbError> {
        match self.row.try_get::<Option<&str>, _>(column)? {
            None => Ok(None),
            Some(_) => self.json(column).map(Some),
        }
    }

    /// A column that holds one word of an enum.
    fn word<T: DeserializeOwned>(&self, column: &str) -> Result<T, DbError> {
        let word: String = self.row.try_get(column)?;
        serde_json::from_value(serde_json::Value::String(word))
            .map_err(|error| self.corrupt(format!("{column}: {error}")))
    }

    pub(super) fn time(&self, column: &str) -> Result<Option<OffsetDateTime>, DbError> {
        let Some(millis) = self.row.try_get::<Option<i64>, _>(column)? else {
            return Ok(None);
        };
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
            .map(Some)
            .map_err(|_| self.corrupt(format!("{column} is {millis}")))
    }

    pub(super) fn corrupt(&self, reason: impl Into<String>) -> DbError {
        DbError::Corrupt {
            id: self.id.to_owned(),
            reason: reason.into(),
        }
    }
}
