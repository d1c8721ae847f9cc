//! How a write begins and ends.

use std::{
    cell::Cell,
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{PgConnection, Transaction};
use tokio::time::timeout;

use super::{Driver, Postgres};
use crate::db::DbError;

/// How long a call may take, from waiting for a connection to the answer of its commit. The server's own limits are
/// shorter, so this one is reached only when the server does not answer at all.
pub(super) const CALL: Duration = Duration::from_secs(20);

/// What the transaction has written is on the server's disk when it is committed.
const BEGIN: &str = "BEGIN";
/// It is on the disk a moment later.
const BEGIN_RELAXED: &str = "BEGIN; SET LOCAL synchronous_commit = off";
/// Any number may name objects at the same time; the lock is gone with the transaction. Its number is arbitrary.
const NAMING: &str = "SELECT pg_advisory_xact_lock_shared(4711042)";
/// The one who begins to remove an object waits for those who name, and they for it.
const COLLECTING: &str = "SELECT pg_advisory_xact_lock(4711042)";

tokio::task_local! {
    /// Whether the call is waiting for the answer to a commit.
    static COMMITTING: Cell<bool>;
}

/// A transaction that writes. Rolled back when dropped.
#[derive(Debug)]
pub(super) struct Tx(Transaction<'static, Driver>);

impl Tx {
    pub(super) async fn commit(self) -> Result<(), DbError> {
        let mark = |now| COMMITTING.try_with(|committing| committing.set(now));
        // Outside a limited call nobody looks.
        let _nobody = mark(true);
        let committed = self.0.commit().await;
        let _nobody = mark(false);
        match committed {
            Ok(()) => Ok(()),
            // The server said no.
            Err(error @ sqlx::Error::Database(_)) => Err(error.into()),
            Err(_) => Err(DbError::CommitUnknown),
        }
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl Postgres {
    /// Begins a transaction that is on the disk when it is committed.
    pub(super) async fn write(&self) -> Result<Tx, DbError> {
        self.begin(BEGIN).await
    }

    /// Begins a transaction that reaches the disk soon after it is committed.
    pub(super) async fn write_relaxed(&self) -> Result<Tx, DbError> {
        self.begin(BEGIN_RELAXED).await
    }

    /// Begins a transaction that may name objects of the store.
    pub(super) async fn write_naming(&self) -> Result<Tx, DbError> {
        self.begin_locked(NAMING).await
    }

    /// Begins a transaction beside which no other may name objects.
    pub(super) async fn write_collecting(&self) -> Result<Tx, DbError> {
        self.begin_locked(COLLECTING).await
    }

    async fn begin(&self, how: &'static str) -> Result<Tx, DbError> {
        Ok(Tx(self.readers.begin_with(how).await?))
    }

    /// The lock is asked for within the transaction: when it cannot be had in time, the transaction is rolled back. As a
    /// part of what begins one, it would leave a connection behind that refuses everything.
    async fn begin_locked(&self, lock: &'static str) -> Result<Tx, DbError> {
        let mut tx = self.begin(BEGIN).await?;
        sqlx::query(lock).execute(&mut *tx).await?;
        Ok(tx)
    }

    /// Begins what a write begins with, and rolls it back.
    pub(in crate::db) async fn check_writing(&self) -> Result<(), DbError> {
        let mut tx = self.write().await?;
        let read_only: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()")
            .fetch_one(&mut *tx)
            .await?;
        tx.0.rollback().await?;
        if read_only {
            return Err(DbError::Unreachable {
                address: "the configured address".to_owned(),
                reason: "it is a standby server, which cannot be written to".to_owned(),
            });
        }
        Ok(())
    }

    /// Gives a call up when the server does not answer.
    pub(in crate::db) fn limited<T>(
        &self,
        call: impl Future<Output = Result<T, DbError>>,
    ) -> impl Future<Output = Result<T, DbError>> {
        // On the heap: a call is large, and would be part of all that wait for it.
        let mut call = Box::pin(call);
        let limited = async move {
            match timeout(CALL, &mut call).await {
                Ok(answer) => answer,
                Err(_) => {
                    // Before the call, and with it its connection, is dropped.
                    self.suspicion.arise();
                    Err(if COMMITTING.with(Cell::get) {
                        DbError::CommitUnknown
                    } else {
                        DbError::TimedOut(CALL)
                    })
                }
            }
        };
        COMMITTING.scope(Cell::new(false), limited)
    }
}
