use std::time::Duration;

use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{Platform, PlatformError, objects, shutdown::wanted};

/// How often is looked for objects that nothing needs.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Of those, how many are removed before it is looked again.
const SOME: u32 = 100;

/// Removes the objects of checkpoints that were forgotten, until `shutdown`: of jobs that have ended, whoever ended
/// them, and of those that have newer ones; and what refused requests stored in a bucket.
pub(super) async fn remove(platform: Platform, mut shutdown: watch::Receiver<bool>) {
    if !platform.may_remove() {
        return;
    }
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = wanted(&mut shutdown) => return,
            _ = tick.tick() => {}
        }
        // Run to its end also when the process is to stop: what was begun is a moment's work.
        if let Err(error) = remove_some(&platform).await {
            tracing::warn!(%error, "objects that nothing needs could not be removed; they are looked at again");
        }
    }
}

async fn remove_some(platform: &Platform) -> Result<(), PlatformError> {
    for digest in platform.db.unneeded(SOME).await? {
        platform.remove_own(digest).await?;
        platform.db.unneeded_settled(digest).await?;
        tracing::debug!(%digest, "an old checkpoint was removed");
    }
    for digest in platform.db.refused(SOME).await? {
        objects::remove_refused(&platform.store, &platform.db, digest, objects::REFUSED).await?;
        platform.db.unneeded_settled(digest).await?;
        tracing::debug!(%digest, "an object of a refused request was removed");
    }
    Ok(())
}
