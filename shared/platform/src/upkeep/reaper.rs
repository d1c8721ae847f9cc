use std::time::Duration;

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::wanted;
use crate::{Platform, telemetry::metrics::LEASES_EXPIRED};

/// Puts jobs whose worker fell silent back into the queue, until `shutdown`. Their doorbells are in the outbox then.
pub(super) async fn reap(platform: Platform, mut shutdown: watch::Receiver<bool>) {
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
                metrics::counter!(LEASES_EXPIRED).increment(ids.len() as u64);
                for id in ids {
                    tracing::warn!(job = %id, "the lease of a job ran out; it is queued again");
                }
            }
            Err(error) => tracing::warn!(%error, "expired leases could not be looked up"),
        }
    }
}
