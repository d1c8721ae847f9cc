//! Every query, written once and compiled for each database.
//!
//! `super` is the database: its `Backend`, its `Driver`, its transactions, and the few words that databases spell
//! differently as macros: `now!` (milliseconds since 1970 by the database's clock), `lock!` and `skip_locked!` (the
//! rows that are read stay as they are until the transaction ends), `listed!` (the values of a JSON array as rows of one
//! column, `value`), `json_field!` (the text of a field of a JSON object).
//!
//! Three rules keep writers out of each other's way. Whoever changes a job or logs an event of it holds its row first,
//! so a job's events are committed in the order of their ids. Rows are locked in the order jobs, outbox, all others;
//! many of one kind at once in the order of their keys, or those that somebody has are left out. And an object is named
//! only under `write_naming`, which keeps the collector away.

use super::{Backend, Driver, Tx};

mod artifacts;
mod checkpoints;
mod claims;
mod collecting;
mod endings;
mod events;
mod jobs;
mod leases;
mod outbox;
mod reproductions;
mod rows;
mod scans;
mod unneeded;
mod workers;

/// Milliseconds of a span, as a row holds them.
fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis())
        .unwrap_or(i64::MAX / 4)
        .min(i64::MAX / 4)
}

/// A count, as a row holds it.
fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
