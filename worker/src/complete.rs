use std::time::Duration;

use assay_platform::{
    Platform,
    backoff::Backoff,
    db::DbError,
    job::{Artifact, Claim, Completion, Status},
    telemetry::metrics::ATTEMPTS,
};
use tokio::time::sleep;

use crate::{attempt::Record, stop::Stop};

/// Between an attempt that broke down and the next. What broke one would break the next at once, and other jobs too.
const BREATHER: Backoff = Backoff {
    least: Duration::from_secs(1),
    most: Duration::from_secs(60),
};

/// Before the end of an attempt is written again after the database refused; together well under a lease.
const AGAIN_AFTER: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
];

/// Writes the end of an attempt with one compare-and-set on its number; gives the word for the log.
///
/// What the attempt stored and no row names afterwards is removed again: an attempt that lost its lease leaves nothing.
pub(crate) async fn complete(
    platform: &Platform,
    claim: &Claim,
    record: Record,
    end: Result<(), Stop>,
) -> Result<&'static str, DbError> {
    let Record {
        timings,
        stored,
        logs,
    } = record;
    let (db, id, attempt) = (&platform.db, claim.job.id, claim.attempt);
    let (word, unnamed) = match end {
        Ok(()) => {
            let completion = Completion {
                artifacts: stored,
                timings,
            };
            if retry(|| platform.naming(|| db.complete(id, attempt, &completion))).await? {
                ("completed", logs)
            } else {
                ("lost", completion.artifacts)
            }
        }
        Err(Stop::LeaseLost) => ("lost", stored),
        Err(Stop::Cancelled) => {
            let written = retry(|| db.cancelled(id, attempt)).await?;
            (if written { "cancelled" } else { "lost" }, stored)
        }
        Err(Stop::Stopping) => {
            retry(|| db.release(id, attempt)).await?;
            ("released", stored)
        }
        Err(Stop::Held(reason)) => {
            tracing::info!(reason, "the job is held");
            let recheck = platform.config.scan.recheck;
            let written = retry(|| db.hold(id, attempt, &reason, recheck)).await?;
            (if written { "held" } else { "lost" }, stored)
        }
        Err(Stop::Infrastructure(reason)) => {
            tracing::warn!(reason, "the attempt broke down");
            let most = platform.config.max_attempts;
            let delay = BREATHER.after(claim.job.lost);
            let written = retry(|| db.put_back(id, attempt, &reason, most, delay)).await?;
            (broken_off(written), stored)
        }
        Err(Stop::Failed(failure)) => {
            tracing::info!(code = %failure.fault.code, reason = %failure.fault.message, "the job failed");
            discard(platform, &stored).await;
            if retry(|| platform.naming(|| db.fail(id, attempt, &failure, &logs, &timings))).await?
            {
                ("failed", Vec::new())
            } else {
                ("lost", logs)
            }
        }
    };
    discard(platform, &unnamed).await;
    metrics::counter!(ATTEMPTS, "end" => word).increment(1);
    Ok(word)
}

fn broken_off(written: Option<Status>) -> &'static str {
    match written {
        Some(Status::Failed) => "failed",
        Some(Status::Cancelled) => "cancelled",
        Some(_) => "released",
        None => "lost",
    }
}

/// Writes the end of an attempt, a few times if need be. Writing it twice is harmless: each write is a compare-and-set.
async fn retry<T, F>(mut write: impl FnMut() -> F) -> Result<T, DbError>
where
    F: Future<Output = Result<T, DbError>>,
{
    for wait in AGAIN_AFTER {
        match write().await {
            Err(error) => tracing::warn!(%error, "the end of an attempt is written again"),
            written => return written,
        }
        sleep(wait).await;
    }
    write().await
}

/// Removes objects that this attempt stored and no job names.
async fn discard(platform: &Platform, artifacts: &[Artifact]) {
    for artifact in artifacts {
        let released = platform.release(artifact.digest).await;
        if let Err(error) = released {
            tracing::warn!(digest = %artifact.digest, %error, "an object that nobody names could not be removed");
        }
    }
}

#[cfg(test)]
mod tests;
