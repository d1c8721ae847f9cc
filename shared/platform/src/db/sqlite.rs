//! The database as one SQLite file in WAL mode.
//!
//! Writers take turns, so that none waits for SQLite's lock; several connections read, and see every transaction that
//! was committed before they began. Two connections write: what changes a job's state is on the disk when it is answered
//! (`synchronous = FULL`); heartbeats and log lines (`NORMAL`) outlive the process at once, and the machine's power from
//! the next change of state or checkpoint on.

mod artifacts;
mod claims;
mod endings;
mod events;
mod jobs;
mod leases;
mod migrations;
mod outbox;
mod rows;

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Sqlite as Driver, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use time::OffsetDateTime;
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast};

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
    /// Writes what need not be on the disk at once.
    relaxed: SqlitePool,
    turn: Arc<Mutex<()>>,
    readers: SqlitePool,
    news: broadcast::Sender<JobId>,
    holds: Holds,
}

/// A transaction that writes, and the turn to do so. Rolled back when dropped.
#[derive(Debug)]
struct Tx {
    transaction: Transaction<'static, Driver>,
    /// After the transaction: the next one begins when this one is over.
    _turn: OwnedMutexGuard<()>,
}

impl Tx {
    async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await
    }
}

impl Deref for Tx {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

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
        let relaxed = pool(1)
            .connect_with(options.clone().synchronous(SqliteSynchronous::Normal))
            .await?;
        let readers = pool(READERS).connect_with(options.read_only(true)).await?;
        Ok(Self {
            writer,
            relaxed,
            turn: Arc::default(),
            readers,
            news: broadcast::Sender::new(NEWS),
            holds,
        })
    }

    /// Begins a transaction that is on the disk when it is committed.
    async fn write(&self) -> Result<Tx, DbError> {
        self.begin(&self.writer).await
    }

    /// Begins a transaction that reaches the disk with the next one of [`Sqlite::write`].
    async fn write_relaxed(&self) -> Result<Tx, DbError> {
        self.begin(&self.relaxed).await
    }

    /// `IMMEDIATE`: what the transaction reads cannot change before it ends.
    async fn begin(&self, pool: &SqlitePool) -> Result<Tx, DbError> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        Ok(Tx {
            transaction: pool.begin_with("BEGIN IMMEDIATE").await?,
            _turn: turn,
        })
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
        self.relaxed.close().await;
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
