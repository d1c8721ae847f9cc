//! How a write begins and ends: one turn, one transaction, on a connection that is known to be sound.
//!
//! SQLite rolls back by itself when the disk is full or fails. The connection's own count of open transactions does not
//! learn of that, and every later `BEGIN` on it would be refused: such a connection is closed, and another opened.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use sqlx::{
    Connection as _, Sqlite as Driver, SqliteConnection, SqlitePool, Transaction,
    sqlite::SqlitePoolOptions,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::Sqlite;
use crate::db::DbError;

/// What the transaction reads cannot change before it ends.
const BEGIN: &str = "BEGIN IMMEDIATE";
/// Primary result codes after which a connection is not used again: `SQLITE_IOERR`, `SQLITE_FULL`.
const BROKEN: [i32; 2] = [10, 13];

/// A transaction that writes, and the turn to do so. Rolled back when dropped.
#[derive(Debug)]
pub(super) struct Tx {
    transaction: Transaction<'static, Driver>,
    /// After the transaction: the next one begins when this one is over.
    _turn: OwnedMutexGuard<()>,
}

impl Tx {
    pub(super) async fn commit(self) -> Result<(), DbError> {
        Ok(self.transaction.commit().await?)
    }

    async fn rollback(self) -> Result<(), sqlx::Error> {
        self.transaction.rollback().await
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
    /// Begins a transaction that is on the disk when it is committed.
    pub(super) async fn write(&self) -> Result<Tx, DbError> {
        Ok(begin(&self.writer, &self.turn).await?)
    }

    /// Begins a transaction that reaches the disk with the next one of [`Sqlite::write`].
    pub(super) async fn write_relaxed(&self) -> Result<Tx, DbError> {
        Ok(begin(&self.relaxed, &self.turn).await?)
    }

    /// Begins a transaction that may name objects of the store.
    pub(super) async fn write_naming(&self) -> Result<Tx, DbError> {
        self.write().await
    }

    /// Begins a transaction beside which no other may name objects.
    pub(super) async fn write_collecting(&self) -> Result<Tx, DbError> {
        self.write().await
    }

    /// Begins what a write begins with, on both connections that write, and rolls it back.
    pub(in crate::db) async fn check_writing(&self) -> Result<(), DbError> {
        self.write().await?.rollback().await?;
        self.write_relaxed().await?.rollback().await?;
        Ok(())
    }
}

/// A pool that never gives out a connection whose last transaction could not be ended.
pub(super) fn pool_options(most: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(most)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .before_acquire(|connection, _| {
            let sound = !connection.is_in_transaction();
            Box::pin(async move { Ok(sound) })
        })
}

/// Waits for the turn and begins; once more on a new connection if it was the connection that failed.
async fn begin(pool: &SqlitePool, turn: &Arc<Mutex<()>>) -> Result<Tx, sqlx::Error> {
    let turn = Arc::clone(turn).lock_owned().await;
    let transaction = match pool.begin_with(BEGIN).await {
        Err(error) if is_broken(&error) => {
            pool.acquire().await?.close().await?;
            pool.begin_with(BEGIN).await?
        }
        begun => begun?,
    };
    Ok(Tx {
        transaction,
        _turn: turn,
    })
}

fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::InvalidSavePointStatement | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => error
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            // The primary code is the low byte of the extended one.
            .is_some_and(|code| BROKEN.contains(&(code & 0xff))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{db::tests::contract, store::Holds};

    async fn open(dir: &Path) -> Sqlite {
        Sqlite::open(&dir.join("assay.db"), Holds::default())
            .await
            .unwrap()
    }

    /// The most pages that the file may have, on both connections that write.
    async fn limit_pages(db: &Sqlite, pages: i64) {
        for pool in [&db.writer, &db.relaxed] {
            let text = format!("PRAGMA max_page_count = {pages}");
            let (_,): (i64,) = sqlx::query_as(sqlx::AssertSqlSafe(text))
                .fetch_one(pool)
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn writes_work_again_when_a_full_disk_has_room_again() {
        let base = tempfile::tempdir().unwrap();
        let db = open(base.path()).await;
        let kept = contract::new_job("kept");
        db.insert_job(&kept).await.unwrap();
        // Below what the file has already, SQLite takes the size that it has.
        limit_pages(&db, 1).await;
        let large = "x".repeat(1 << 20);
        let mut refused = contract::new_job("refused");
        refused.request.metadata.model_description = Some(large);
        for _ in 0..3 {
            let error = db.insert_job(&refused).await.unwrap_err().to_string();
            assert!(error.contains("full"), "{error}");
            limit_pages(&db, 1).await;
        }
        limit_pages(&db, 1 << 20).await;
        db.check_writing().await.unwrap();
        assert_eq!(db.job(refused.id).await.unwrap(), None);
        db.insert_job(&refused).await.unwrap();
        assert_eq!(db.queued().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_ended_by_itself_does_no_harm() {
        let base = tempfile::tempdir().unwrap();
        let db = open(base.path()).await;
        for _ in 0..3 {
            for pool in [&db.writer, &db.relaxed] {
                let mut tx = begin(pool, &db.turn).await.unwrap();
                // As SQLite does after an error of the disk: behind the back of the one who counts.
                sqlx::query("ROLLBACK").execute(&mut *tx).await.unwrap();
                drop(tx);
            }
            db.check_writing().await.unwrap();
        }
        db.insert_job(&contract::new_job("after")).await.unwrap();
    }
}
