//! The database: the truth about jobs.
//!
//! Every change of state is one statement that compares the state (and attempt) it starts from, so two
//! workers, or a worker and a canceller, cannot both win.
//!
//! Each query is written once (`queries/`) and compiled for both databases.

mod answers;
pub mod config;
mod error;
mod jobs;
mod migrations;
mod objects;
pub mod postgres;
mod reproductions;
pub mod sqlite;
mod upkeep;

use tokio::sync::broadcast;

pub use answers::{Cancelled, Claimer, Doorbell, JobFilter, Lease, Reproducing, StatusRow};
pub use error::DbError;

use crate::{Config, holds::Holds, ids::JobId};

/// The database, by configuration.
#[derive(Debug, Clone)]
pub enum Db {
    /// One file, WAL, for one machine.
    Sqlite(sqlite::Sqlite),
    /// A server, for many machines.
    Postgres(postgres::Postgres),
}

/// The same call on whichever database it is; one on a server has a time limit.
macro_rules! either {
    ($self:ident, $db:ident => $call:expr) => {
        match $self {
            $crate::db::Db::Sqlite($db) => $call.await,
            // On the heap: the driver's futures are large, and callers' own are nested deep.
            $crate::db::Db::Postgres($db) => Box::pin($db.limited($call)).await,
        }
    };
}
use either;

/// Every method fails with [`DbError`] only when the database itself does; what a job's state forbids is an answer.
impl Db {
    /// Opens the database that the configuration names, and brings its tables to this version.
    ///
    /// `holds` are those of the store beside it: what a written artifact names is held by its row from then on.
    ///
    /// # Errors
    /// [`DbError`]; of a server that may only be starting, one that [`DbError::is_passing`].
    pub async fn open(config: &Config, holds: Holds) -> Result<Self, DbError> {
        Ok(if config.database.url.is_empty() {
            Self::Sqlite(sqlite::Sqlite::open(&config.dir.join(FILE), holds).await?)
        } else {
            Self::Postgres(postgres::Postgres::open(&config.database, holds).await?)
        })
    }

    /// Brings the tables to this program's version, or back to an earlier one (0: no tables); gives the version reached.
    /// What only later versions can hold is lost on the way back.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn migrate(config: &Config, to: Option<i64>) -> Result<i64, DbError> {
        if let Some(to) = to.filter(|to| !(0..=migrations::NEWEST).contains(to)) {
            let newest = migrations::NEWEST;
            return Err(DbError::Config(format!(
                "there is no version {to} of the tables; this program knows 0 to {newest}"
            )));
        }
        if config.database.url.is_empty() {
            sqlite::Sqlite::migrate(&config.dir.join(FILE), to).await
        } else {
            postgres::Postgres::migrate(&config.database, to).await
        }
    }

    /// Told of a job whenever something was written about it: by this process always, by others when the database is a
    /// server and its connection holds. Slow receivers lose the oldest news.
    pub fn subscribe(&self) -> broadcast::Receiver<JobId> {
        match self {
            Self::Sqlite(db) => db.subscribe(),
            Self::Postgres(db) => db.subscribe(),
        }
    }

    /// Whether it can be written to now: begins a write, and rolls it back.
    pub async fn check_writing(&self) -> Result<(), DbError> {
        either!(self, db => db.check_writing())
    }

    /// Writes what is pending and closes the database; later calls fail.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(db) => db.close().await,
        }
    }
}

/// The name of SQLite's file in the folder of everything that is kept.
const FILE: &str = "assay.db";

#[cfg(test)]
pub(crate) mod tests;
