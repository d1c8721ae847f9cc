//! The database as one SQLite file.
//!
//! One connection writes, so that writers wait for each other here and not in SQLite's busy loop; a few others
//! read. Every commit is on disk before it is answered (`synchronous = FULL`): an accepted job survives a
//! power cut.

mod artifacts;
mod claims;
mod ends;
mod events;
mod jobs;
mod rows;

use std::{path::Path, time::Duration};

use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::DbError;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another process's lock; only a backup tool would hold one.
const BUSY: Duration = Duration::from_secs(10);
/// Connections that read. More than the cores that there are bring nothing.
const READERS: u32 = 4;

/// Connections to one SQLite file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    write: SqlitePool,
    read: SqlitePool,
}

impl Sqlite {
    /// Opens the file, making it when absent, and brings its tables to this version.
    ///
    /// # Errors
    /// The file cannot be opened, is no database, or is of a newer version.
    pub async fn open(file: &Path) -> Result<Self, DbError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .statement_cache_capacity(64);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        MIGRATIONS.run(&write).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            // A connection cannot break here as one over a network can.
            .test_before_acquire(false)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { write, read })
    }

    pub(super) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}
