//! Connections that are known to be sound, and nobody who waits for one that is not.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{
    Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

/// How long a call waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(10);
/// How long a sound connection may take to answer when nothing is asked.
const PING: Duration = Duration::from_secs(3);
/// A connection that was used within this time needs no test.
const FRESH: Duration = Duration::from_secs(1);
/// How long every connection is tested after one did not answer.
const DOUBT: Duration = Duration::from_secs(60);
/// A connection is not used for longer than this: so a change of the server's address is followed.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// The server's own limits, in milliseconds: below the one that a whole call has here.
const LIMITS: &str = "SET statement_timeout = 15000; SET lock_timeout = 5000; SET idle_in_transaction_session_timeout = 20000; SET default_transaction_isolation = 'read committed'";

/// Whether a connection has lately not answered.
#[derive(Debug, Default)]
pub(super) struct Suspicion(Mutex<Option<Instant>>);

impl Suspicion {
    pub(super) fn arise(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn holds(&self) -> bool {
        let arose = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        arose.is_some_and(|arose| arose.elapsed() < DOUBT)
    }
}

/// A pool that connects when it is needed. It tests connections that rested, and in times of doubt all of them, both
/// when they are taken and when they come back: one that is cut off would otherwise be waited for until the operating
/// system gives it up.
pub(super) fn pool(most: u32, options: &PgConnectOptions, suspicion: &Arc<Suspicion>) -> PgPool {
    let (taking, returning) = (Arc::clone(suspicion), Arc::clone(suspicion));
    PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE)
        .max_lifetime(LIFETIME)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(LIMITS).execute(connection).await?;
                Ok(())
            })
        })
        .before_acquire(move |connection, meta| {
            let test = meta.idle_for > FRESH || taking.holds();
            Box::pin(async move {
                if test {
                    answers(connection).await
                } else {
                    Ok(true)
                }
            })
        })
        .after_release(move |connection, _| {
            let test = returning.holds();
            Box::pin(async move {
                if test {
                    answers(connection).await
                } else {
                    Ok(true)
                }
            })
        })
        .connect_lazy_with(options.clone())
}

/// Whether a connection answers in time; one that does not is closed without a word.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match timeout(PING, connection.ping()).await {
        Ok(answered) => answered.map(|()| true),
        Err(elapsed) => Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            elapsed,
        ))),
    }
}
