use std::time::Duration;

use assay_platform::{Platform, db::Lease, ids::JobId, job::Status};
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use crate::stop::{Stop, wanted};

/// A cancellation shows in the database as soon as somebody wants it; looking more often than this is waste.
const LOOK_GAP: Duration = Duration::from_millis(100);

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
    /// Starts the heartbeats of a claim made just now. `shutdown` turning true (or its sender going) stops the attempt.
    pub(crate) fn start(
        platform: Platform,
        id: JobId,
        attempt: u32,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let (hold_tx, hold) = watch::channel(Hold::Held);
        let keeper = Keeper {
            news: platform.subscribe(),
            platform,
            id,
            attempt,
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

struct Keeper {
    platform: Platform,
    id: JobId,
    attempt: u32,
    shutdown: watch::Receiver<bool>,
    news: broadcast::Receiver<JobId>,
}

impl Keeper {
    async fn keep(mut self) -> Hold {
        let lease = self.platform.config.lease;
        let beat = lease / 3;
        let mut held_until = Instant::now() + lease;
        let mut next_beat = Instant::now() + beat;
        loop {
            let told = tokio::select! {
                biased;
                // First: a busy attempt makes news without end, and must not outshout a shutdown.
                () = wanted(&mut self.shutdown) => return Hold::Stopping,
                () = sleep_until(next_beat) => false,
                () = told_of(&mut self.news, self.id) => true,
            };
            if told {
                let hold = self.look().await;
                if hold != Hold::Held {
                    return hold;
                }
                tokio::select! {
                    () = wanted(&mut self.shutdown) => return Hold::Stopping,
                    () = sleep(LOOK_GAP) => continue,
                }
            }
            match self.beat(lease).await {
                Some(Hold::Held) => held_until = Instant::now() + lease,
                Some(other) => return other,
                // Without an answer the lease is ours until the time that was last agreed on, no longer.
                None if Instant::now() >= held_until => return Hold::Lost,
                None => {}
            }
            next_beat = Instant::now() + beat;
        }
    }

    /// Renews the lease; `None` when the database gave no answer.
    async fn beat(&mut self, lease: Duration) -> Option<Hold> {
        let renewed = self
            .platform
            .db
            .heartbeat(self.id, self.attempt, lease)
            .await;
        match renewed {
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
        match self.platform.db.job(self.id).await {
            Ok(Some(job)) if job.attempt != self.attempt || job.status != Status::Running => {
                Hold::Lost
            }
            Ok(Some(job)) if job.cancel_requested => Hold::CancelRequested,
            // The next heartbeat decides what cannot be told now.
            _ => Hold::Held,
        }
    }
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
