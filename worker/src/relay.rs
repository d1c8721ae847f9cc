use std::time::Duration;

use assay_platform::{Platform, db::DbError};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::{MissedTickBehavior, interval, sleep},
};

use crate::stop::wanted;

/// Doorbells rung in one go.
const BELLS: u32 = 256;
/// How long ringing them may take.
const RINGING: Duration = Duration::from_secs(30);
/// A job that is not claimed for so long after its doorbell rang is rung for once more.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// How long a doorbell may wait when nobody rang it on submission.
const RELAY_EVERY: Duration = Duration::from_millis(500);
/// News comes in bursts; the outbox is read once for each. Whoever submits a job rings for it, too, and by then it is
/// mostly claimed, so the relay has nothing to write.
const RELAY_GAP: Duration = Duration::from_millis(20);

/// Rings the doorbells that jobs left in the outbox when they were written, until `shutdown`.
///
/// A doorbell is marked as rung only after it rang, so one may ring twice and none is lost.
pub(crate) async fn relay(platform: Platform, mut shutdown: watch::Receiver<bool>) {
    let mut news = platform.subscribe();
    let mut tick = interval(RELAY_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = wanted(&mut shutdown) => return,
            told = news.recv() => match told {
                Ok(_) | Err(RecvError::Lagged(_)) => sleep(RELAY_GAP).await,
                Err(RecvError::Closed) => { tick.tick().await; }
            },
            _ = tick.tick() => {}
        }
        // What was told during the gap is answered by the reading that follows.
        while news.try_recv().is_ok() {}
        if let Err(error) = ring_all(&platform).await {
            tracing::warn!(%error, "the outbox could not be read");
        }
    }
}

async fn ring_all(platform: &Platform) -> Result<(), DbError> {
    loop {
        let bells = platform.db.doorbells(BELLS, RINGING).await?;
        if bells.is_empty() {
            return Ok(());
        }
        for bell in &bells {
            if platform.queue.ring(bell.job).await.is_err() {
                // Closed: the process is stopping, and the next one finds the doorbells in the outbox.
                return Ok(());
            }
        }
        platform.db.rung(&bells, LOST_AFTER).await?;
    }
}

/// Puts jobs whose worker fell silent back into the queue, until `shutdown`.
pub(crate) async fn reap(platform: Platform, mut shutdown: watch::Receiver<bool>) {
    let lease = platform.config.lease;
    let mut tick = interval((lease / 4).clamp(Duration::from_millis(50), Duration::from_secs(5)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = wanted(&mut shutdown) => return,
            _ = tick.tick() => {}
        }
        let expired = platform
            .db
            .expire_leases(platform.config.max_attempts)
            .await;
        match expired {
            Ok(ids) => {
                for id in ids {
                    tracing::warn!(job = %id, "the lease of a job ran out; it is queued again");
                    if platform.queue.ring(id).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "expired leases could not be looked up"),
        }
    }
}
