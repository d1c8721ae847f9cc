use std::time::Duration;

use assay_platform::{Platform, db::DbError, job::Artifact};

/// Before the end of an attempt is written again after the database refused; together well under a lease.
const AGAIN_AFTER: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
];

/// Writes the end of an attempt, a few times if need be. Writing it twice is harmless: each write is a compare-and-set.
pub(crate) async fn retry<T, F>(mut write: impl FnMut() -> F) -> Result<T, DbError>
where
    F: Future<Output = Result<T, DbError>>,
{
    for wait in AGAIN_AFTER {
        match write().await {
            Err(error) => tracing::warn!(%error, "the end of an attempt is written again"),
            written => return written,
        }
        tokio::time::sleep(wait).await;
    }
    write().await
}

/// Removes objects that this attempt stored and no job names.
pub(crate) async fn discard(platform: &Platform, artifacts: &[Artifact]) {
    for artifact in artifacts {
        let released = platform.release(artifact.digest).await;
        if let Err(error) = released {
            tracing::warn!(digest = %artifact.digest, %error, "an object that nobody names could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn broken() -> DbError {
        DbError::Corrupt {
            id: "x".to_owned(),
            reason: "test".to_owned(),
        }
    }

    #[tokio::test]
    async fn writes_again_until_the_database_answers() {
        let calls = Cell::new(0);
        let written = retry(|| {
            calls.set(calls.get() + 1);
            let answer = if calls.get() == 1 {
                Err(broken())
            } else {
                Ok(true)
            };
            async move { answer }
        });
        assert!(written.await.unwrap());
        assert_eq!(calls.get(), 2);
    }

    #[tokio::test]
    async fn gives_up_after_a_few_times() {
        let calls = Cell::new(0);
        let written: Result<bool, _> = retry(|| {
            calls.set(calls.get() + 1);
            async { Err(broken()) }
        })
        .await;
        assert!(written.is_err());
        assert_eq!(calls.get(), AGAIN_AFTER.len() + 1);
    }
}
