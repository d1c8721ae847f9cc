//! Turns the end of an attempt, whatever it is, into a row of the database: the one place that does.

use std::time::Duration;

use assay_platform::{
    Platform,
    backoff::Backoff,
    db::{Db, DbError},
    ids::JobId,
    job::{Artifact, Claim, Completion, Failure, Status, Timings},
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
    least: Duration::from_millis(200),
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
    let ending = Ending {
        platform,
        claim,
        held,
    };
    let (word, unnamed) = match end {
        Ok(()) => ending.completed(stored, timings, logs).await?,
        Err(Stop::Failed(failure)) => {
            // A failed job names none of them, and a disk may be full.
            discard(platform, &stored).await;
            ending.failed(&failure, logs, &timings).await?
        }
        Err(Stop::LeaseLost) => ("lost", stored),
        Err(stop) => (ending.given_up(stop).await?, stored),
    };
    discard(platform, &unnamed).await;
    metrics::counter!(ATTEMPTS, "end" => word).increment(1);
    Ok(word)
}

/// An attempt whose end is to be written. Each way to write it gives the word for the log.
struct Ending<'a> {
    platform: &'a Platform,
    claim: &'a Claim,
    /// Whether the lease is kept up.
    held: &'a (dyn Fn() -> bool + Sync),
}

impl Ending<'_> {
    /// Gives, too, what no row names afterwards.
    async fn completed(
        &self,
        stored: Vec<Artifact>,
        timings: Timings,
        logs: Vec<Artifact>,
    ) -> Result<(&'static str, Vec<Artifact>), DbError> {
        let (db, id, attempt) = self.row();
        let completion = Completion {
            artifacts: stored,
            timings,
        };
        let complete = || {
            self.platform
                .naming(|| db.complete(id, attempt, &completion))
        };
        Ok(match retry(self.held, complete).await? {
            true => ("completed", logs),
            false => ("lost", completion.artifacts),
        })
    }

    /// Gives, too, what no row names afterwards.
    async fn failed(
        &self,
        failure: &Failure,
        logs: Vec<Artifact>,
        timings: &Timings,
    ) -> Result<(&'static str, Vec<Artifact>), DbError> {
        tracing::info!(code = %failure.fault.code, reason = %failure.fault.message, "the job failed");
        let (db, id, attempt) = self.row();
        let fail = || {
            self.platform
                .naming(|| db.fail(id, attempt, failure, &logs, timings))
        };
        Ok(match retry(self.held, fail).await? {
            true => ("failed", Vec::new()),
            false => ("lost", logs),
        })
    }

    /// The ends after which the job may go on, and a cancellation.
    async fn given_up(&self, stop: Stop) -> Result<&'static str, DbError> {
        let (db, id, attempt) = self.row();
        match stop {
            Stop::Cancelled => {
                let written = retry(self.held, || db.cancelled(id, attempt)).await?;
                Ok(if written { "cancelled" } else { "lost" })
            }
            Stop::Held(reason) => {
                tracing::info!(reason, "the job is held");
                let recheck = self.platform.config.scan.recheck;
                self.hold(&reason, recheck, "held").await
            }
            Stop::Unavailable(reason) => {
                tracing::warn!(
                    reason,
                    "the worker cannot run jobs now; the job loses no attempt"
                );
                // What was not lost either came back for other reasons of ours.
                let lost = self.claim.job.lost;
                let earlier = attempt.saturating_sub(lost).saturating_sub(1);
                self.hold(&reason, RECHECK.after(earlier), "unavailable")
                    .await
            }
            Stop::Infrastructure(reason) => {
                tracing::warn!(reason, "the attempt broke down");
                let most = self.platform.config.max_attempts;
                let delay = BREATHER.after(self.claim.job.lost);
                let put_back = || db.put_back(id, attempt, &reason, most, delay);
                Ok(broken_off(retry(self.held, put_back).await?))
            }
            Stop::Stopping | Stop::LeaseLost | Stop::Failed(_) => {
                retry(self.held, || db.release(id, attempt)).await?;
                Ok("released")
            }
        }
    }

    async fn hold(
        &self,
        reason: &str,
        recheck: Duration,
        word: &'static str,
    ) -> Result<&'static str, DbError> {
        let (db, id, attempt) = self.row();
        let written = retry(self.held, || db.hold(id, attempt, reason, recheck)).await?;
        Ok(if written { word } else { "lost" })
    }

    fn row(&self) -> (&Db, JobId, u32) {
        (&self.platform.db, self.claim.job.id, self.claim.attempt)
    }
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
