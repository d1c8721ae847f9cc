//! From rows to values. A row that cannot be read is an error that names the job, never a panic.

use serde::de::DeserializeOwned;
use sqlx::{Row as _, sqlite::SqliteRow};
use time::OffsetDateTime;

use crate::{
    db::{DbError, StatusRow},
    ids::{JobId, UniqueDir},
    job::{Artifact, Job, LoggedEvent, Role, Status, Times},
};

/// The columns that [`job`] reads, in its order.
macro_rules! job_columns {
    () => {
        "id, unique_dir, status, request, attempt, worker, cancel_requested, progress, failure, timings, submitted_at, started_at, finished_at, lost"
    };
}
pub(super) use job_columns;

pub(super) fn job(row: &SqliteRow) -> Result<Job, DbError> {
    let text: &str = row.try_get(0)?;
    let corrupt = corrupt_row(text);
    Ok(Job {
        id: id(text)?,
        unique_dir: directory(row.try_get(1)?).map_err(corrupt)?,
        status: status(row.try_get(2)?).map_err(corrupt)?,
        request: json(row.try_get(3)?).map_err(corrupt)?,
        attempt: number(row.try_get(4)?).map_err(corrupt)?,
        lost: number(row.try_get(13)?).map_err(corrupt)?,
        worker: row.try_get(5)?,
        cancel_requested: row.try_get::<i64, _>(6)? != 0,
        progress: optional(row.try_get(7)?).map_err(corrupt)?,
        failure: optional(row.try_get(8)?).map_err(corrupt)?,
        timings: optional(row.try_get(9)?).map_err(corrupt)?,
        times: Times {
            submitted_at: moment(row.try_get(10)?).map_err(corrupt)?,
            started_at: maybe(row.try_get(11)?).map_err(corrupt)?,
            finished_at: maybe(row.try_get(12)?).map_err(corrupt)?,
        },
    })
}

/// Reads `status, unique_dir, progress, failure, outputs`.
pub(super) fn status_row(of: JobId, row: &SqliteRow) -> Result<StatusRow, DbError> {
    let text = of.to_string();
    let corrupt = corrupt_row(&text);
    Ok(StatusRow {
        status: status(row.try_get(0)?).map_err(corrupt)?,
        unique_dir: directory(row.try_get(1)?).map_err(corrupt)?,
        progress: optional(row.try_get(2)?).map_err(corrupt)?,
        failure: optional(row.try_get(3)?).map_err(corrupt)?,
        outputs: json(row.try_get(4)?).map_err(corrupt)?,
    })
}

/// Reads `path, role, digest, bytes`.
pub(super) fn artifact(of: JobId, row: &SqliteRow) -> Result<Artifact, DbError> {
    let text = of.to_string();
    let corrupt = corrupt_row(&text);
    let role: &str = row.try_get(1)?;
    let digest: &str = row.try_get(2)?;
    Ok(Artifact {
        path: row.try_get(0)?,
        role: Role::parse(role)
            .ok_or_else(|| format!("{role:?} is no role"))
            .map_err(corrupt)?,
        digest: digest.parse().map_err(said).map_err(corrupt)?,
        bytes: u64::try_from(row.try_get::<i64, _>(3)?)
            .map_err(said)
            .map_err(corrupt)?,
    })
}

/// Reads `id, at, attempt, event`.
pub(super) fn event(of: JobId, row: &SqliteRow) -> Result<LoggedEvent, DbError> {
    let text = of.to_string();
    let corrupt = corrupt_row(&text);
    Ok(LoggedEvent {
        id: row.try_get(0)?,
        at: moment(row.try_get(1)?).map_err(corrupt)?,
        attempt: number(row.try_get(2)?).map_err(corrupt)?,
        event: json(row.try_get(3)?).map_err(corrupt)?,
    })
}

pub(super) fn id(text: &str) -> Result<JobId, DbError> {
    text.parse().map_err(said).map_err(corrupt_row(text))
}

pub(super) fn status(text: &str) -> Result<Status, String> {
    Status::parse(text).ok_or_else(|| format!("{text:?} is no status"))
}

/// An error about the row of this job.
pub(super) fn corrupt_row(id: &str) -> impl Fn(String) -> DbError + Copy {
    move |reason| DbError::Corrupt {
        id: id.to_owned(),
        reason,
    }
}

pub(super) fn number(value: i64) -> Result<u32, String> {
    u32::try_from(value).map_err(said)
}

fn directory(text: &str) -> Result<UniqueDir, String> {
    text.parse().map_err(said)
}

fn moment(millis: i64) -> Result<OffsetDateTime, String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).map_err(said)
}

fn maybe(millis: Option<i64>) -> Result<Option<OffsetDateTime>, String> {
    millis.map(moment).transpose()
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(said)
}

fn optional<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>, String> {
    text.map(json).transpose()
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
