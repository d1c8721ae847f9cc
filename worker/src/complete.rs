//! Turns the end of an attempt, whatever it is, into a row of the database: the one place that does.

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

/// Before a job that no worker could run is looked at anew.
const RECHECK: Backoff = Backoff {
    least: Duration::from_secs(5),
    most: Duration::from_secs(300),
};

/// Before the end of an attempt is written again after the database refused.
const AGAIN: Backoff = Backoff {
    least: Duration::from_millis(50),
    most: Duration::from_secs(2),
};
/// Tries for an end that is worth no more: the lease is not kept up any longer, or trouble that does not go by.
const TRIES: u32 = 4;

/// Writes the end of an attempt with one compare-and-set on its number; gives the word for the log.
///
/// While the lease is `held`, a database that does not answer is waited for: it would be a pity for a finished training.
/// What the attempt stored and no row names afterwards is removed again: an attempt that lost its lease leaves nothing.
pub(crate) async fn complete(
    platform: &Platform,
    claim: &Claim,
    record: Record,
    end: Result<(), Stop>,
    held: &(dyn Fn() -> bool + Sync),
) -> Result<&'static str, DbError> {
    let Record {
        timings,
        stored,
        logs,
        // Its row goes with the end that is written here, and its object after that.
        checkpoint: _,
    } = record;
    let (db, id, attempt) = (&platform.db, claim.job.id, claim.attempt);
    let (word, unnamed) = match end {
        Ok(()) => {
            let completion = Completion {
                artifacts: stored,
                timings,
            };
            if retry(held, || {
                platform.naming(|| db.complete(id, attempt, &completion))
            })
            .await?
            {
                ("completed", logs)
            } else {
                ("lost", completion.artifacts)
            }
        }
        Err(Stop::LeaseLost) => ("lost", stored),
        Err(Stop::Cancelled) => {
            let written = retry(held, || db.cancelled(id, attempt)).await?;
            (if written { "cancelled" } else { "lost" }, stored)
        }
        Err(Stop::Stopping) => {
            retry(held, || db.release(id, attempt)).await?;
            ("released", stored)
        }
        Err(Stop::Held(reason)) => {
            tracing::info!(reason, "the job is held");
            let recheck = platform.config.scan.recheck;
            let written = retry(held, || db.hold(id, attempt, &reason, recheck)).await?;
            (if written { "held" } else { "lost" }, stored)
        }
        Err(Stop::Unavailable(reason)) => {
            tracing::warn!(
                reason,
                "the worker cannot run jobs now; the job loses no attempt"
            );
            // What was not lost either came back for other reasons of ours.
            let earlier = attempt.saturating_sub(claim.job.lost).saturating_sub(1);
            let recheck = RECHECK.after(earlier);
            let written = retry(held, || db.hold(id, attempt, &reason, recheck)).await?;
            (if written { "unavailable" } else { "lost" }, stored)
        }
        Err(Stop::Infrastructure(reason)) => {
            tracing::warn!(reason, "the attempt broke down");
            let most = platform.config.max_attempts;
            let delay = BREATHER.after(claim.job.lost);
            let written = retry(held, || db.put_back(id, attempt, &reason, most, delay)).await?;
            (broken_off(written), stored)
        }
        Err(Stop::Failed(failure)) => {
            tracing::info!(code = %failure.fault.code, reason = %failure.fault.message, "the job failed");
            discard(platform, &stored).await;
            let fail = || platform.naming(|| db.fail(id, attempt, &failure, &logs, &timings));
            if retry(held, fail).await? {
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

/// Writes the end of an attempt, as often as need be. Writing it twice is harmless: each write is a compare-and-set.
async fn retry<T, F>(
    held: &(dyn Fn() -> bool + Sync),
    mut write: impl FnMut() -> F,
) -> Result<T, DbError>
where
    F: Future<Output = Result<T, DbError>>,
{
    let mut failures = 0;
    loop {
        let error = match write().await {
            Err(error) => error,
            written => return written,
        };
        if failures + 1 >= TRIES && !(held() && error.is_passing()) {
            return Err(error);
        }
        tracing::warn!(%error, "the end of an attempt is written again");
        sleep(AGAIN.after(failures)).await;
        failures = failures.saturating_add(1);
    }
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
