//! The database as a PostgreSQL server, shared by many processes on many machines.
//!
//! Transactions run at `READ COMMITTED` and lock the rows that they decide by. What changes a job's state is on the
//! server's disk when it is answered; heartbeats, log lines and doorbells (`synchronous_commit = off`) follow within a
//! second. Every call has a limit in time, on the server and here, so that one that is paused or cut off holds nobody.

/// Milliseconds since 1970, by the clock of the server. Stable within a statement, so an index can be searched by it.
macro_rules! now {
    () => {
        "CAST(extract(epoch FROM statement_timestamp()) * 1000 AS BIGINT)"
    };
}
/// The rows that are read stay as they are until the transaction ends. Rows that refer to them may still be written.
macro_rules! lock {
    () => {
        " FOR NO KEY UPDATE"
    };
}
/// The same, of rows that nobody else holds; the others are left out.
macro_rules! skip_locked {
    () => {
        " FOR NO KEY UPDATE SKIP LOCKED"
    };
}
/// The values of a JSON array as rows.
macro_rules! listed {
    ($array:literal) => {
        concat!(
            "jsonb_array_elements_text(CAST(",
            $array,
            " AS jsonb)) AS listed (value)"
        )
    };
}
/// The text of a field of a column that holds a JSON object.
macro_rules! json_field {
    ($column:literal, $field:literal) => {
        concat!("(CAST(", $column, " AS json) ->> '", $field, "')")
    };
}

mod connect;
mod news;
#[path = "queries/all.rs"]
#[expect(
    clippy::duplicate_mod,
    reason = "every query is written once and compiled for each database"
)]
mod queries;
mod waiting;
mod writing;

use std::{sync::Arc, time::Duration};

use sqlx::{Connection as _, PgConnection, PgPool, postgres::PgConnectOptions};
use tokio::{sync::broadcast, time::timeout};

use super::{DbError, config::DatabaseConfig, migrations};
use crate::{holds::Holds, ids::JobId};
use news::News;
use waiting::Suspicion;
use writing::Tx;

type Driver = sqlx::Postgres;
type Backend = Postgres;

/// How long the tables may take to be brought to this version.
const MIGRATION: Duration = Duration::from_secs(600);
/// How long connections may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

/// A pool of connections to a PostgreSQL server.
#[derive(Debug, Clone)]
pub struct Postgres {
    readers: PgPool,
    suspicion: Arc<Suspicion>,
    news: Arc<News>,
    holds: Holds,
}

impl Postgres {
    /// Connects, and brings the tables to this version if they are older.
    ///
    /// # Errors
    /// [`DbError`] names the address and says what to do; [`DbError::is_passing`] when the server may only be starting.
    pub(super) async fn open(config: &DatabaseConfig, holds: Holds) -> Result<Self, DbError> {
        let options = connect::options(config)?;
        let mut first = connect::connect(&options).await?;
        let found = connect::version(&mut first).await?;
        if found > migrations::NEWEST {
            return Err(DbError::Later {
                address: connect::address(&options),
                found,
                known: migrations::NEWEST,
            });
        }
        if found < migrations::NEWEST {
            migrate(&options, &mut first, migrations::NEWEST).await?;
        }
        drop(timeout(GOODBYE, first.close()).await);
        let suspicion = Arc::new(Suspicion::default());
        let readers = waiting::pool(config.connections, &options, &suspicion);
        Ok(Self {
            news: Arc::new(News::start(&readers, options)),
            readers,
            suspicion,
            holds,
        })
    }

    /// Brings the tables up to this program's version, or to an earlier one; gives the version reached.
    pub(super) async fn migrate(config: &DatabaseConfig, to: Option<i64>) -> Result<i64, DbError> {
        let options = connect::options(config)?;
        let mut connection = connect::connect(&options).await?;
        let to = to.unwrap_or(migrations::NEWEST);
        migrate(&options, &mut connection, to).await?;
        drop(timeout(GOODBYE, connection.close()).await);
        Ok(to)
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<JobId> {
        self.news.subscribe()
    }

    fn notify(&self, id: JobId) {
        self.news.tell(id);
    }

    pub(super) async fn close(&self) {
        self.news.stop();
        // One that a cut connection keeps from ending is left to the operating system.
        let _late = timeout(GOODBYE, self.readers.close()).await;
    }
}

async fn migrate(
    options: &PgConnectOptions,
    connection: &mut PgConnection,
    to: i64,
) -> Result<(), DbError> {
    let migrator = migrations::migrator(migrations::POSTGRES);
    let steps = async {
        migrator.run_direct(Some(to), connection, false).await?;
        migrator.undo(connection, to).await
    };
    match timeout(MIGRATION, steps).await {
        Ok(done) => done.map_err(|error| connect::may_not_migrate(options, error)),
        Err(_) => Err(DbError::TimedOut(MIGRATION)),
    }
}

#[cfg(test)]
#[cfg(feature = "outside-parts")]
mod tests;
