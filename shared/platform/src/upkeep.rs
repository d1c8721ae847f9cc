//! What keeps queue, database and store in step: doorbells are rung, expired leases reaped, old checkpoints removed.
//!
//! Every process that takes jobs in or runs them does this, any number of them at once: the database gives each doorbell
//! and each expired lease to one of them.

mod reaper;
mod redrive;
mod relay;
mod remover;

use tokio::{sync::watch, task::JoinSet};

use crate::Platform;

pub use redrive::{Redriven, redrive};

/// Keeps up until `shutdown` turns true or its sender goes. In a process that calls this more than once, one does the
/// work and the others stand by.
pub async fn keep(platform: Platform, mut shutdown: watch::Receiver<bool>) {
    let turn = platform.upkeep.clone();
    let _turn = tokio::select! {
        () = wanted(&mut shutdown) => return,
        turn = turn.lock_owned() => turn,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(relay::relay(platform.clone(), shutdown.clone()));
    tasks.spawn(reaper::reap(platform.clone(), shutdown.clone()));
    if platform.may_remove() {
        tasks.spawn(remover::remove(platform, shutdown));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a part of the upkeep broke off");
        }
    }
}

/// Completes when the process is to stop: the signal is true, or nobody is left to give it.
async fn wanted(shutdown: &mut watch::Receiver<bool>) {
    // The answer guards the value; it is dropped here, before anything else is awaited.
    let _gone = shutdown.wait_for(|stop| *stop).await.is_err();
}
