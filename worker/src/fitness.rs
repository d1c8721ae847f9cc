//! Whether this worker can do its work. A worker that cannot would be the fastest to take jobs, and would put back one
//! after another: so after an attempt that broke down it takes none until its servers, its disk and its sandbox have
//! been seen to work.

use std::{sync::Arc, time::Duration};

use assay_platform::{Platform, backoff::Backoff, shutdown::wanted};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{run_loop::Worker, stage::check_disk, stop::Stop};

/// Before the first look after an attempt that broke down. It grows with each that follows without one that did not:
/// what the look cannot see may be wrong, too.
const PAUSE: Backoff = Backoff {
    least: Duration::from_secs(1),
    most: Duration::from_secs(60),
};
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long one look may take.
const LOOK_WITHIN: Duration = Duration::from_secs(60);

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fitness(watch::Sender<State>);

#[derive(Debug, Clone, Copy, Default)]
struct State {
    unfit: bool,
    /// Attempts that broke down one after another.
    in_a_row: u32,
}

impl Fitness {
    /// Takes in how an attempt ended.
    pub(crate) fn ended(&self, end: &Result<(), Stop>) {
        self.0.send_if_modified(|state| match end {
            Err(Stop::Unavailable(_) | Stop::Infrastructure(_)) => {
                state.in_a_row = state.in_a_row.saturating_add(1);
                !std::mem::replace(&mut state.unfit, true)
            }
            Ok(()) | Err(Stop::Failed(_)) => {
                state.in_a_row = 0;
                false
            }
            // These say nothing of the machine.
            Err(Stop::Held(_) | Stop::Cancelled | Stop::LeaseLost | Stop::Stopping) => false,
        });
    }

    /// Completes when the worker can do its work.
    pub(crate) async fn until_fit(&self) {
        self.until(false).await;
    }

    /// Completes when it cannot.
    pub(crate) async fn until_unfit(&self) {
        self.until(true).await;
    }

    async fn until(&self, unfit: bool) {
        let mut state = self.0.subscribe();
        // No error comes of it: the sender is here.
        let _seen = state.wait_for(|state| state.unfit == unfit).await;
    }

    fn pause(&self) -> Duration {
        PAUSE.after(self.0.borrow().in_a_row.saturating_sub(1))
    }

    fn recover(&self) {
        self.0.send_modify(|state| state.unfit = false);
    }
}

/// Looks after the worker's fitness until `shutdown`.
pub(crate) async fn keep(worker: Arc<Worker>, mut shutdown: watch::Receiver<bool>) {
    let look_after = async {
        loop {
            worker.fitness.until_unfit().await;
            tracing::warn!("the worker takes no jobs until it is seen to work again");
            sleep(worker.fitness.pause()).await;
            until_it_works(&worker.platform).await;
            tracing::info!("the worker takes jobs again");
            worker.fitness.recover();
        }
    };
    tokio::select! {
        () = wanted(&mut shutdown) => {}
        () = look_after => {}
    }
}

async fn until_it_works(platform: &Platform) {
    let mut last = String::new();
    loop {
        let looked = timeout(LOOK_WITHIN, Box::pin(look(platform))).await;
        let reason = match looked {
            Ok(Ok(())) => return,
            Ok(Err(reason)) => reason,
            Err(_) => format!("no answer in {} s", LOOK_WITHIN.as_secs()),
        };
        if reason != last {
            tracing::warn!(reason, "the worker still cannot work");
            last = reason;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Whether everything that an attempt needs works now.
async fn look(platform: &Platform) -> Result<(), String> {
    let db = platform.db.check_writing().await;
    db.map_err(|error| error.to_string())?;
    let store = platform.store.answers().await;
    store.map_err(|error| error.to_string())?;
    let keys = platform.keys_answer().await;
    keys.map_err(|error| error.to_string())?;
    let disk = check_disk(platform).await;
    disk.map_err(|stop| stop.to_string())?;
    let limits = &platform.config.sandbox.limits;
    let room = platform.sandbox.probe(&platform.rooms(), limits).await;
    room.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
