//! What keeps queue, database and store in step: doorbells are rung and restored, expired leases reaped, old checkpoints removed.
//!
//! Every process that takes jobs in or runs them does this, any number of them at once: the database gives each doorbell
//! and each expired lease to one of them.

mod reaper;
mod redrive;
mod relay;
mod remover;
mod restorer;

use std::time::Duration;

use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle},
    time::sleep,
};

use crate::{Platform, db, queue::Doorbell, shutdown::wanted};

pub use redrive::{Redriven, redrive};

/// Before a part of the upkeep that panicked is begun anew.
const AFTER_PANIC: Duration = Duration::from_secs(1);

// Here, since neither database nor queue knows the other.
impl From<&db::Doorbell> for Doorbell {
    fn from(bell: &db::Doorbell) -> Self {
        Self {
            job: bell.job,
            class: bell.class,
            priority: bell.priority,
            traceparent: bell.traceparent.clone(),
        }
    }
}

/// Keeps up until `shutdown` turns true or its sender goes. In a process that calls this more than once, one does the
/// work and the others stand by.
pub async fn keep(platform: Platform, mut shutdown: watch::Receiver<bool>) {
    let turn = platform.upkeep.clone();
    let _turn = tokio::select! {
        () = wanted(&mut shutdown) => return,
        turn = turn.lock_owned() => turn,
    };
    tokio::join!(
        through_panics(|| relay::relay(platform.clone(), shutdown.clone())),
        through_panics(|| reaper::reap(platform.clone(), shutdown.clone())),
        through_panics(|| restorer::restore(platform.clone(), shutdown.clone())),
        through_panics(|| remover::remove(platform.clone(), shutdown.clone())),
    );
}

/// Runs a part of the upkeep to its end, and begins it anew when it panics: without it nothing would go on here, and
/// nobody would see why.
async fn through_panics<F>(mut part: impl FnMut() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while let Err(error) = AbortOnDrop(tokio::spawn(part())).ended().await {
        if error.is_cancelled() {
            return;
        }
        tracing::error!(%error, "a part of the upkeep panicked, and is begun anew");
        sleep(AFTER_PANIC).await;
    }
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop(JoinHandle<()>);

impl AbortOnDrop {
    async fn ended(mut self) -> Result<(), JoinError> {
        (&mut self.0).await
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_part_that_panics_is_begun_anew() {
        static BEGUN: AtomicU32 = AtomicU32::new(0);
        let part = || async {
            assert!(BEGUN.fetch_add(1, Ordering::SeqCst) > 0, "the first time");
        };
        tokio::time::timeout(Duration::from_secs(60), through_panics(part))
            .await
            .unwrap();
        assert_eq!(BEGUN.load(Ordering::SeqCst), 2);
    }
}
