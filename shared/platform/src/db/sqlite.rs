//! The database as one SQLite file in WAL mode.
//!
//! One connection writes, so that every transaction is in line and none waits for a lock; several read, and see
//! every transaction that was committed before they began. `synchronous = FULL`: what was answered as accepted
//! outlives the process and the machine's power.

mod artifacts;
mod claims;
mod endings;
mod events;
mod jobs;
mod leases;
mod migrations;
mod outbox;
mod rows;

use std::{path::Path, time::Duration};

use sqlx::{
    Sqlite as Driver, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use time::OffsetDateTime;
use tokio::sync::broadcast;

use super::DbError;
use crate::{ids::JobId, store::Holds};

/// How long a statement waits for another process that has the file open, as a person's `sqlite3`.
const BUSY: Duration = Duration::from_secs(10);
/// News that a slow subscriber may be behind.
const NEWS: usize = 1024;
/// Connections that read.
const READERS: u32 = 4;
/// Bytes of the file that are read through a memory map.
const MMAP_BYTES: u64 = 256 << 20;

/// A pool over one SQLite file in WAL mode.
#[derive(Debug, Clone)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
    news: broadcast::Sender<JobId>,
    holds: Holds,
}

type Tx = Transaction<'static, Driver>;

impl Sqlite {
    /// Opens the file, makes it if it is absent, and brings its tables to this version.
    ///
    /// `holds` are those of the store beside it: what a written artifact names is held by its row from then on.
    ///
    /// # Errors
    /// [`DbError`] when the file is no database, or one of a later version.
    pub async fn open(path: &Path, holds: Holds) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .pragma("mmap_size", MMAP_BYTES.to_string());
        let pool = |most| {
            SqlitePoolOptions::new()
                .max_connections(most)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
        };
        let writer = pool(1)
            .connect_with(options.clone().create_if_missing(true))
            .await?;
        migrations::migrator().run(&writer).await?;
        let readers = pool(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self {
            writer,
            readers,
            news: broadcast::Sender::new(NEWS),
            holds,
        })
    }

    /// Begins a transaction that will write, and takes its turn now: what it reads cannot change before it ends.
    async fn write(&self) -> Result<Tx, DbError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<JobId> {
        self.news.subscribe()
    }

    pub(super) fn notify(&self, id: JobId) {
        // Nobody listening is no error.
        let _ = self.news.send(id);
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn now() -> i64 {
    millis(OffsetDateTime::now_utc())
}

/// Milliseconds since 1970.
fn millis(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// The end of a span that begins now.
fn after(span: Duration) -> i64 {
    now().saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
