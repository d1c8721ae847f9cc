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
