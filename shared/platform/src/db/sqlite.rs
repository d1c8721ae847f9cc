//! The database as one SQLite file in WAL mode.
//!
//! Writers take turns, so that none waits for SQLite's lock; several connections read, and see every transaction that
//! was committed before they began. Two connections write: what changes a job's state is on the disk when it is answered
//! (`synchronous = FULL`); heartbeats and log lines (`NORMAL`) outlive the process at once, and the machine's power from
//! the next change of state or checkpoint on.

/// Milliseconds since 1970, by the clock of this machine.
macro_rules! now {
    () => {
        "CAST(round(unixepoch('subsec') * 1000) AS BIGINT)"
    };
}
/// The turn to write holds every row.
macro_rules! lock {
    () => {
        ""
    };
}
/// Nobody else has a row while this process has the turn.
macro_rules! skip_locked {
    () => {
        ""
    };
}
/// The values of a JSON array as rows.
macro_rules! listed {
    ($array:literal) => {
        concat!("json_each(", $array, ")")
    };
}
/// The text of a field of a column that holds a JSON object.
macro_rules! json_field {
    ($column:literal, $field:literal) => {
        concat!("json_extract(", $column, ", '$.", $field, "')")
    };
}

#[path = "queries/all.rs"]
#[expect(
    clippy::duplicate_mod,
    reason = "every query is written once and compiled for each database"
)]
mod queries;
mod writing;

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{Mutex, broadcast};

use super::{DbError, migrations};
use crate::{holds::Holds, ids::JobId, owned::create_private};
use writing::Tx;

/// How long a statement waits for another process that has the file open, as a person's `sqlite3`.
const BUSY: Duration = Duration::from_secs(10);
/// News that a slow subscriber may be behind.
const NEWS: usize = 1024;
/// Connections that read.
const READERS: u32 = 4;
/// Bytes of the file that are read through a memory map.
const MMAP_BYTES: u64 = 256 << 20;

type Driver = sqlx::Sqlite;
type Backend = Sqlite;

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
        let pool = writing::pool_options;
        // Made here, because SQLite would make it readable for others; its log files get the same mode.
        drop(create_private(path).map_err(sqlx::Error::Io)?);
        let writer = pool(1).connect_with(options.clone()).await?;
        migrations::migrator(migrations::SQLITE)
            .run(&writer)
            .await?;
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

    /// Brings the tables of a file up to this program's version, or to an earlier one; gives the version reached.
    pub(super) async fn migrate(path: &Path, to: Option<i64>) -> Result<i64, DbError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY);
        drop(create_private(path).map_err(sqlx::Error::Io)?);
        let pool = writing::pool_options(1).connect_with(options).await?;
        let migrator = migrations::migrator(migrations::SQLITE);
        let to = to.unwrap_or(migrations::NEWEST);
        migrator.run_to(to, &pool).await?;
        migrator.undo(&pool, to).await?;
        pool.close().await;
        Ok(to)
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<JobId> {
        self.news.subscribe()
    }

    fn notify(&self, id: JobId) {
        // Nobody listening is no error.
        let _ = self.news.send(id);
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.relaxed.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests;
