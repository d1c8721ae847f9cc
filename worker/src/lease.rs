//! The right of an attempt to go on. It stands in the database as a lease that ends by the database's clock, and is renewed
//! three times in its span.
//!
//! Two attempts at one job must never both think that they hold it. So an attempt stops by a clock of its own, before the
//! lease can have ended: the lease counts from the moment just before the database was asked, and a part of it
//! ([`MARGIN`]) is not used. The clock goes on while the machine sleeps.

use std::time::Duration;

use assay_platform::{Platform, db::Lease, ids::JobId, job::Status, shutdown::wanted};
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{boot_clock::BootInstant, stop::Stop};

/// A cancellation shows in the database as soon as somebody wants it; looking more often than this is waste.
const LOOK_GAP: Duration = Duration::from_millis(100);
/// How often the database is looked at without any news: news of other processes may be lost, or never come.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Of this part of a lease the attempt stops before the lease can have run out, if it cannot be renewed.
const MARGIN: u32 = 5;
/// How long a renewal may take that is tried when it is too late already: after a sleep of the whole machine, say. The
/// database then decides whether somebody else was faster.
const LAST_ASK: Duration = Duration::from_secs(2);

/// What an attempt's right to go on looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Held,
    CancelRequested,
    Lost,
    Stopping,
}

/// Keeps an attempt's lease alive in a task of its own, and knows when the attempt has to stop.
///
/// Dropping it ends the heartbeats; the lease then runs out by itself.
#[derive(Debug)]
pub(crate) struct LeaseKeeper {
    hold: watch::Receiver<Hold>,
    task: JoinHandle<()>,
}

impl LeaseKeeper {
    /// Starts the heartbeats of a claim that was asked for at `asked`. `shutdown` turning true (or its sender going) stops
    /// the attempt.
    pub(crate) fn start(
        platform: Platform,
        claimed: Claimed,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let (hold_tx, hold) = watch::channel(Hold::Held);
        let keeper = Keeper {
            news: platform.subscribe(),
            platform,
            claimed,
            shutdown,
        };
        let task = tokio::spawn(async move {
            let end = keeper.keep().await;
            hold_tx.send_replace(end);
        });
        Self { hold, task }
    }

    /// Whether the attempt may go on.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        match *self.hold.borrow() {
            Hold::Held => Ok(()),
            Hold::CancelRequested => Err(Stop::Cancelled),
            Hold::Lost => Err(Stop::LeaseLost),
            Hold::Stopping => Err(Stop::Stopping),
        }
    }

    /// Does some work of the attempt, and gives it up half-way when the attempt has to stop.
    pub(crate) async fn during<T>(
        &self,
        work: impl Future<Output = Result<T, Stop>>,
    ) -> Result<T, Stop> {
        // On the heap: what an attempt does is large.
        let work = Box::pin(work);
        tokio::select! {
            biased;
            () = self.ended() => {
                self.check()?;
                // The heartbeats are gone, and nobody said why.
                Err(Stop::LeaseLost)
            }
            done = work => done,
        }
    }

    /// Completes when the attempt has to stop. Owns what it waits on, so it may outlive a borrow of the keeper.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut hold = self.hold.clone();
        async move {
            // An error means that the task is gone, and with it the heartbeats: the attempt has to stop too.
            let _ended = hold.wait_for(|hold| *hold != Hold::Held).await;
        }
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A claim, and since when it surely holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claimed {
    pub(crate) job: JobId,
    pub(crate) attempt: u32,
    /// Just before the database was asked: the lease began no sooner.
    pub(crate) asked: BootInstant,
}

struct Keeper {
    platform: Platform,
    claimed: Claimed,
    shutdown: watch::Receiver<bool>,
    news: broadcast::Receiver<JobId>,
}

impl Keeper {
    async fn keep(mut self) -> Hold {
        let lease = self.platform.config.lease;
        let beat = lease / 3;
        let (sure, look_every) = (lease - lease / MARGIN, LOOK_EVERY.min(beat));
        let mut sure_until = self.claimed.asked.after(sure);
        let mut next_beat = Instant::now() + beat;
        let mut next_look = Instant::now() + look_every;
        loop {
            let look = tokio::select! {
                biased;
                // First: a busy attempt makes news without end, and must not outshout a shutdown.
                () = wanted(&mut self.shutdown) => return Hold::Stopping,
                () = sleep_until(next_beat) => false,
                () = sleep_until(next_look) => true,
                () = told_of(&mut self.news, self.claimed.job) => true,
            };
            if look {
                next_look = Instant::now() + look_every;
                let patience = patience(sure_until, beat);
                let hold = timeout(patience, self.look()).await.unwrap_or(Hold::Held);
                if hold != Hold::Held {
                    return hold;
                }
                if !sure_until.is_past() {
                    tokio::select! {
                        () = wanted(&mut self.shutdown) => return Hold::Stopping,
                        () = sleep(LOOK_GAP) => continue,
                    }
                }
            }
            let asked = BootInstant::now();
            // Anew: a look that had no answer has used some of it up.
            let patience = patience(sure_until, beat);
            match timeout(patience, self.beat(lease)).await.ok().flatten() {
                Some(Hold::Held) => sure_until = asked.after(sure),
                Some(other) => return other,
                // Without an answer the lease is ours until the time that was last agreed on, no longer.
                None if sure_until.is_past() => {
                    tracing::warn!(job = %self.claimed.job, "the lease could not be renewed in time: the attempt stops");
                    return Hold::Lost;
                }
                None => {}
            }
            // A database that gives no answer is asked again soon.
            let again = if asked.after(sure) == sure_until {
                beat
            } else {
                beat / 4
            };
            next_beat = Instant::now() + again;
        }
    }

    /// Renews the lease; `None` when the database gave no answer.
    async fn beat(&mut self, lease: Duration) -> Option<Hold> {
        let Claimed { job, attempt, .. } = self.claimed;
        match self.platform.db.heartbeat(job, attempt, lease).await {
            Ok(Lease::Held) => Some(Hold::Held),
            Ok(Lease::CancelRequested) => Some(Hold::CancelRequested),
            Ok(Lease::Lost) => Some(Hold::Lost),
            Err(error) => {
                tracing::warn!(%error, "heartbeat failed");
                None
            }
        }
    }

    /// Looks whether the news was a wish to cancel, without renewing anything.
    async fn look(&self) -> Hold {
        match self.platform.db.job(self.claimed.job).await {
            Ok(Some(job))
                if job.attempt != self.claimed.attempt || job.status != Status::Running =>
            {
                Hold::Lost
            }
            Ok(Some(job)) if job.cancel_requested => Hold::CancelRequested,
            // The next heartbeat decides what cannot be told now.
            _ => Hold::Held,
        }
    }
}

/// How long an answer may be waited for: no longer than the lease is surely ours.
fn patience(sure_until: BootInstant, beat: Duration) -> Duration {
    sure_until.remaining().max(LAST_ASK.min(beat))
}

/// Waits for news of a job. Missed news counts as news: it may have been of this job.
async fn told_of(news: &mut broadcast::Receiver<JobId>, id: JobId) {
    loop {
        match news.recv().await {
            Ok(told) if told != id => {}
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests;
