//! What can go wrong with the database, and whether it goes by.

use std::{sync::Arc, time::Duration};

use assay_attest::Digest;
use sqlx::{postgres::PgDatabaseError, sqlite::SqliteError};

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Sqlx(sqlx::Error),
    /// Nobody answers at the configured address.
    #[error(
        "the database at {address} cannot be reached: {reason}; is it running, and is [database] url right?"
    )]
    Unreachable {
        /// Host, port and name of the database.
        address: String,
        /// What was seen.
        reason: String,
    },
    /// The database answers, and does not let us in.
    #[error("the database at {address} refuses: {reason}; {advice}")]
    Refused {
        /// Host, port and name of the database.
        address: String,
        /// What it said.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// A setting that no database can be opened with.
    #[error("{0}")]
    Config(String),
    /// No answer in time. One transaction was not written then; a call that makes several (leases that expired, say) may have
    /// written the first.
    #[error("the database gave no answer in {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The connection was lost while a transaction was being committed. The same call again tells, or does it.
    #[error("the connection to the database was lost while it wrote; whether it did is not known")]
    CommitUnknown,
    /// A row holds what this version cannot read.
    #[error("database row of job {id}: {reason}")]
    Corrupt {
        /// The job's id, as it is written in the row.
        id: String,
        /// What cannot be read.
        reason: String,
    },
    /// The tables could not be brought to this version.
    #[error("database migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The tables are of a version that this program does not know.
    #[error(
        "the tables in the database at {address} are of version {found}; this program knows up to {known}: use the program that made them, or take them back with its `assay migrate --down-to {known}`"
    )]
    Later {
        /// Host, port and name of the database.
        address: String,
        /// The version of the tables.
        found: i64,
        /// This program's.
        known: i64,
    },
    /// An object that an artifact's row was to name has not reached the disk.
    #[error("object {digest} could not be written to the disk: {source}")]
    NotDurable {
        /// The object.
        digest: Digest,
        /// What the disk answered.
        source: Arc<std::io::Error>,
    },
    /// An object that a row was to name is being removed from the store, because nothing named it for long. Store it again.
    #[error("object {digest} is just being removed from the store; store it again")]
    Collected {
        /// The object.
        digest: Digest,
    },
    /// A value could not be written as JSON.
    #[error("a value cannot be written to the database: {0}")]
    Encode(#[from] serde_json::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

impl DbError {
    /// Whether the same call may succeed later without anybody changing anything: the database was away, busy or full.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut(_)
            | Self::CommitUnknown
            | Self::NotDurable { .. }
            | Self::Collected { .. } => true,
            Self::Sqlx(error) => is_passing(error),
            Self::Migrate(sqlx::migrate::MigrateError::Execute(error)) => is_passing(error),
            Self::Refused { .. }
            | Self::Config(_)
            | Self::Corrupt { .. }
            | Self::Migrate(_)
            | Self::Later { .. }
            | Self::Encode(_) => false,
        }
    }
}

/// Whether trouble of the driver goes by.
pub(super) fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        // What an interrupted connection leaves; the next one is sound.
        | sqlx::Error::Protocol(_)
        | sqlx::Error::BeginFailed
        | sqlx::Error::InvalidSavePointStatement => true,
        sqlx::Error::Database(error) => {
            if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                postgres_passes(error.code())
            } else if let Some(error) = error.try_downcast_ref::<SqliteError>() {
                sqlite_passes(sqlx::error::DatabaseError::code(error).as_deref())
            } else {
                false
            }
        }
        _ => false,
    }
}

/// By the codes of PostgreSQL's manual, appendix A.
fn postgres_passes(code: &str) -> bool {
    // Connection exceptions, transaction rollbacks, insufficient resources, operator intervention, system errors.
    ["08", "40", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
        // lock_not_available, idle_in_transaction_session_timeout, read_only_sql_transaction (after a failover).
        || ["55P03", "25P03", "25006"].contains(&code)
}

/// By SQLite's primary result codes: `BUSY`, `LOCKED`, `IOERR`, `FULL`.
fn sqlite_passes(code: Option<&str>) -> bool {
    code.and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| [5, 6, 10, 13].contains(&(code & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_by_is_told_from_what_stays() {
        for code in [
            "08006", "40P01", "40001", "53100", "57P01", "57014", "58030", "55P03",
        ] {
            assert!(postgres_passes(code), "{code}");
        }
        for code in ["23505", "42P01", "42501", "28P01", "22021"] {
            assert!(!postgres_passes(code), "{code}");
        }
        assert!(sqlite_passes(Some("13")) && sqlite_passes(Some("266")));
        assert!(!sqlite_passes(Some("1555")) && !sqlite_passes(None));
        assert!(DbError::CommitUnknown.is_passing());
        assert!(is_passing(&sqlx::Error::PoolTimedOut));
        assert!(!is_passing(&sqlx::Error::PoolClosed));
        assert!(!DbError::Config("x".into()).is_passing());
    }
}
