use std::time::Duration;

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::wanted;
use crate::Platform;

/// How often is looked for queued jobs without a doorbell. All queued jobs are looked at, so not often.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Doorbells that are restored in one go.
const SOME: u32 = 1000;

/// Gives queued jobs whose doorbell was lost from the database a new one, until `shutdown`. The relay rings it.
pub(super) async fn restore(platform: Platform, mut shutdown: watch::Receiver<bool>) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = wanted(&mut shutdown) => return,
            _ = tick.tick() => {}
        }
        match platform.db.restore_doorbells(SOME).await {
            Ok(0) => {}
            Ok(jobs) => tracing::warn!(
                jobs,
                "queued jobs had no doorbell in the outbox and got a new one; somebody took it away"
            ),
            Err(error) => {
                tracing::warn!(%error, "queued jobs without a doorbell could not be looked up");
            }
        }
    }
}
