use std::{collections::HashSet, time::Duration};

use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::{MissedTickBehavior, interval, sleep},
};

use super::wanted;
use crate::{
    Platform,
    backoff::Backoff,
    db::DbError,
    ids::JobId,
    queue::{Doorbell, QueueError, QueueState},
};

/// Doorbells rung in one go.
const BELLS: u32 = 256;
/// How long nobody else is given them. Longer than ringing takes, and not much longer than one may wait that this process
/// took and never rang.
const RINGING: Duration = Duration::from_secs(20);
/// How long a doorbell may wait when there was no news of its job here.
const RELAY_EVERY: Duration = Duration::from_millis(500);
/// News comes in bursts; the outbox is read once for each. Whoever submits a job rings for it, too, and by then it is
/// mostly claimed, so the relay has nothing to write.
const RELAY_GAP: Duration = Duration::from_millis(20);
/// Between two tries while the database or the queue takes nothing.
const AGAIN: Backoff = Backoff {
    least: Duration::from_millis(100),
    most: Duration::from_secs(2),
};

/// Why the relay could not go on.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the outbox could not be read: {0}")]
    Db(#[from] DbError),
    #[error("{0}")]
    Queue(#[from] QueueError),
}

/// Rings the doorbells that jobs left in the outbox when they were written, until `shutdown`.
///
/// A doorbell is marked as rung only after the queue has confirmed it, so one may ring twice and none is lost.
pub(super) async fn relay(platform: Platform, mut shutdown: watch::Receiver<bool>) {
    let mut stop = shutdown.clone();
    tokio::select! {
        () = wanted(&mut stop) => {}
        () = relay_for_ever(&platform) => wanted(&mut shutdown).await,
    }
}

async fn relay_for_ever(platform: &Platform) {
    let mut news = platform.subscribe();
    let mut tick = interval(RELAY_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures = 0;
    loop {
        tokio::select! {
            told = news.recv() => match told {
                Ok(_) | Err(RecvError::Lagged(_)) => sleep(RELAY_GAP).await,
                Err(RecvError::Closed) => { tick.tick().await; }
            },
            _ = tick.tick() => {}
        }
        // What was told during the gap is answered by the reading that follows.
        news = news.resubscribe();
        match ring_all(platform).await {
            Ok(()) if failures > 0 => {
                tracing::info!("doorbells ring again");
                failures = 0;
            }
            Ok(()) => {}
            Err(RelayError::Queue(QueueError::Closed)) => return,
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(%error, "doorbells wait in the database");
                }
                sleep(AGAIN.after(failures)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

async fn ring_all(platform: &Platform) -> Result<(), RelayError> {
    loop {
        // Doorbells that are taken and cannot ring would have to wait until they are given out again.
        let mut state = platform.queue.state();
        let usable =
            |state: &QueueState| matches!(state, QueueState::Connected | QueueState::Closed);
        if state.wait_for(usable).await.is_err() {
            return Err(QueueError::Closed.into());
        }
        let mut due = platform.db.doorbells(BELLS, RINGING).await?;
        if due.is_empty() {
            return Ok(());
        }
        let bells: Vec<Doorbell> = due.iter().map(Doorbell::from).collect();
        let rung = platform.queue.ring_all(&bells).await;
        let confirmed: HashSet<JobId> = rung.confirmed.into_iter().collect();
        due.retain(|bell| confirmed.contains(&bell.job));
        platform
            .db
            .rung(&due, platform.config.queue.lost_after)
            .await?;
        if let Some(trouble) = rung.trouble {
            return Err(trouble.into());
        }
    }
}
