//! From rows to values. A row that cannot be read is an error that names the job, never a panic.

use std::time::Duration;

use assay_attest::Digest;
use serde::de::DeserializeOwned;
use sqlx::{Database, Row as _};
use time::OffsetDateTime;

use super::Driver;
use crate::{
    checkpoint::Checkpoint,
    db::{DbError, Doorbell, StatusRow},
    ids::{JobId, UniqueDir},
    job::{Artifact, Class, Job, LoggedEvent, Priority, Role, Status, Times},
    worker::{WorkerRow, WorkerState},
};

type Row = <Driver as Database>::Row;

/// What can be read of these rows. Each of the others is named in the log: one row that somebody spoilt must not take all
/// others away with it.
pub(super) fn readable<T>(rows: impl IntoIterator<Item = Result<T, DbError>>) -> Vec<T> {
    let logged = |row: Result<T, DbError>| {
        row.inspect_err(|error| tracing::error!(%error, "a row of the database is left out"))
            .ok()
    };
    rows.into_iter().filter_map(logged).collect()
}

/// The columns that [`job`] reads, in its order.
macro_rules! job_columns {
    () => {
        "id, unique_dir, status, request, attempt, worker, cancel_requested, progress, failure, timings, submitted_at, started_at, finished_at, lost, class, priority, held, not_before, traceparent, resumed_from, reproduces"
    };
}
pub(super) use job_columns;

pub(super) fn job(row: &Row) -> Result<Job, DbError> {
    let text: &str = row.try_get(0)?;
    let corrupt = corrupt_row(text);
    Ok(Job {
        id: id(text)?,
        unique_dir: directory(row.try_get(1)?).map_err(corrupt)?,
        status: status(row.try_get(2)?).map_err(corrupt)?,
        request: json(row.try_get(3)?).map_err(corrupt)?,
        class: class(row.try_get(14)?).map_err(corrupt)?,
        priority: priority(row.try_get(15)?).map_err(corrupt)?,
        held: row.try_get(16)?,
        not_before: maybe(row.try_get(17)?).map_err(corrupt)?,
        traceparent: row.try_get(18)?,
        resumed_from: row
            .try_get::<Option<i64>, _>(19)?
            .map(number)
            .transpose()
            .map_err(corrupt)?,
        reproduces: row.try_get::<Option<&str>, _>(20)?.map(id).transpose()?,
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
pub(super) fn status_row(of: JobId, row: &Row) -> Result<StatusRow, DbError> {
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
pub(super) fn artifact(of: JobId, row: &Row) -> Result<Artifact, DbError> {
    let text = of.to_string();
    let corrupt = corrupt_row(&text);
    let role: &str = row.try_get(1)?;
    Ok(Artifact {
        path: row.try_get(0)?,
        role: Role::parse(role)
            .ok_or_else(|| format!("{role:?} is no role"))
            .map_err(corrupt)?,
        digest: digest(row.try_get(2)?).map_err(corrupt)?,
        bytes: size(row.try_get(3)?).map_err(corrupt)?,
    })
}

/// Reads `id, at, attempt, event`.
pub(super) fn event(of: JobId, row: &Row) -> Result<LoggedEvent, DbError> {
    let text = of.to_string();
    let corrupt = corrupt_row(&text);
    Ok(LoggedEvent {
        id: row.try_get(0)?,
        at: moment(row.try_get(1)?).map_err(corrupt)?,
        attempt: number(row.try_get(2)?).map_err(corrupt)?,
        event: json(row.try_get(3)?).map_err(corrupt)?,
    })
}

/// Reads `id, job_id, class, priority, traceparent`.
pub(super) fn doorbell(row: &Row) -> Result<Doorbell, DbError> {
    let text: &str = row.try_get(1)?;
    let corrupt = corrupt_row(text);
    Ok(Doorbell {
        row: row.try_get(0)?,
        job: id(text)?,
        class: class(row.try_get(2)?).map_err(corrupt)?,
        priority: priority(row.try_get(3)?).map_err(corrupt)?,
        traceparent: row.try_get(4)?,
    })
}

/// Reads `attempt, epoch, digest, bytes, worker_keyid, signature`.
pub(super) fn checkpoint(of: JobId, row: &Row) -> Result<Checkpoint, DbError> {
    let text = of.to_string();
    let corrupt = corrupt_row(&text);
    Ok(Checkpoint {
        job: of,
        attempt: number(row.try_get(0)?).map_err(corrupt)?,
        epoch: number(row.try_get(1)?).map_err(corrupt)?,
        digest: digest(row.try_get(2)?).map_err(corrupt)?,
        bytes: size(row.try_get(3)?).map_err(corrupt)?,
        worker_keyid: row.try_get(4)?,
        signature: row.try_get(5)?,
    })
}

/// Reads `name, class, slots, running, version, image, image_digest, draining, seen_at`, and the milliseconds since then.
pub(super) fn worker(row: &Row) -> Result<WorkerState, DbError> {
    let name: &str = row.try_get(0)?;
    let text = format!("(worker {name})");
    let corrupt = corrupt_row(&text);
    let image_digest: Option<&str> = row.try_get(6)?;
    let silent: i64 = row.try_get(9)?;
    Ok(WorkerState {
        row: WorkerRow {
            name: name.to_owned(),
            class: class(row.try_get(1)?).map_err(corrupt)?,
            slots: number(row.try_get(2)?).map_err(corrupt)?,
            running: json(row.try_get(3)?).map_err(corrupt)?,
            version: row.try_get(4)?,
            image: row.try_get(5)?,
            image_digest: image_digest.map(digest).transpose().map_err(corrupt)?,
        },
        draining: row.try_get::<i64, _>(7)? != 0,
        seen_at: moment(row.try_get(8)?).map_err(corrupt)?,
        silent: Duration::from_millis(u64::try_from(silent).unwrap_or(0)),
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

pub(super) fn digest(text: &str) -> Result<Digest, String> {
    text.parse().map_err(said)
}

fn class(text: &str) -> Result<Class, String> {
    Class::parse(text).ok_or_else(|| format!("{text:?} is no class"))
}

fn priority(text: &str) -> Result<Priority, String> {
    Priority::parse(text).ok_or_else(|| format!("{text:?} is no priority"))
}

fn size(value: i64) -> Result<u64, String> {
    u64::try_from(value).map_err(said)
}

/// A moment as a row holds it: milliseconds since 1970.
pub(super) fn moment_millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn directory(text: &str) -> Result<UniqueDir, String> {
    text.parse().map_err(said)
}

pub(super) fn moment(millis: i64) -> Result<OffsetDateTime, String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).map_err(said)
}

fn maybe(millis: Option<i64>) -> Result<Option<OffsetDateTime>, String> {
    millis.map(moment).transpose()
}

pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(said)
}

fn optional<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>, String> {
    text.map(json).transpose()
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
