//! What a worker says of itself in the database, and what it is told there.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use assay_platform::{ids::JobId, shutdown::wanted, worker::WorkerRow};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{error::WorkerError, image, run_loop::Worker};

/// How often a worker says that it is there.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// A worker that said nothing for so long has ended, or hardly gets to say anything.
const SILENT: Duration = Duration::from_secs(3);
/// How often is looked whether somebody else speaks under this worker's name.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What this worker does, and whether it is to take more jobs. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Presence {
    running: Arc<Mutex<BTreeSet<JobId>>>,
    draining: watch::Receiver<bool>,
}

/// A job that runs here, until it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    job: JobId,
    running: Arc<Mutex<BTreeSet<JobId>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.job);
    }
}

impl Presence {
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (told, draining) = watch::channel(false);
        let presence = Self {
            running: Arc::default(),
            draining,
        };
        (told, presence)
    }

    pub(crate) fn running(&self, job: JobId) -> Running {
        lock(&self.running).insert(job);
        Running {
            job,
            running: Arc::clone(&self.running),
        }
    }

    /// Completes when the worker is to take jobs.
    pub(crate) async fn until_wanted(&mut self) {
        // An error means that nobody is left to say otherwise.
        let _gone = self.draining.wait_for(|draining| !draining).await.is_err();
    }

    /// Completes when the worker is to take no more jobs.
    pub(crate) async fn until_draining(&mut self) {
        if self.draining.wait_for(|draining| *draining).await.is_err() {
            std::future::pending().await
        }
    }
}

fn lock(running: &Mutex<BTreeSet<JobId>>) -> MutexGuard<'_, BTreeSet<JobId>> {
    // A set is whole between any two calls.
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses to begin while another process works under this worker's name: one with a copy of its folder. One process of
/// the name that was killed a moment ago speaks no more, so two words within a few seconds are somebody else's.
///
/// A folder over a database in it is locked, and nobody else's.
pub(crate) async fn alone(worker: &Worker) -> Result<(), WorkerError> {
    let (mut last, mut words) = (None, 0);
    while worker.platform.queue.is_shared() {
        let platform = &worker.platform;
        let workers = platform.at_start(|| platform.db.workers()).await;
        let workers = workers.map_err(WorkerError::Database)?;
        let Some(other) = workers.iter().find(|one| one.row.name == worker.name) else {
            break;
        };
        if other.silent > SILENT {
            break;
        }
        words += u32::from(last.is_some_and(|last| last != other.seen_at));
        if words == 2 {
            return Err(WorkerError::Double(worker.name.clone()));
        }
        last = Some(other.seen_at);
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Tells the database of this worker once a second, and `told` whether it is to drain, until `shutdown`.
pub(crate) async fn tell(
    worker: Arc<Worker>,
    told: watch::Sender<bool>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut tick = interval(TELL_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent = false;
    loop {
        tokio::select! {
            () = wanted(&mut shutdown) => return,
            _ = tick.tick() => {}
        }
        match worker.platform.db.worker_seen(&worker.row()).await {
            Ok(draining) => {
                silent = false;
                if told.send_replace(draining) != draining {
                    say(&worker, draining);
                }
            }
            Err(error) => {
                if !silent {
                    tracing::warn!(%error, "the worker cannot be entered in the database");
                }
                silent = true;
            }
        }
    }
}

fn say(worker: &Worker, draining: bool) {
    let running = lock(&worker.presence.running).len();
    if draining {
        tracing::info!(
            running,
            "draining: takes no new jobs, as somebody asked; running ones go on"
        );
    } else {
        tracing::info!(running, "takes jobs again");
    }
}

impl Worker {
    fn row(&self) -> WorkerRow {
        let config = &self.platform.config;
        let (image, image_digest) = image::of_sandbox(&self.platform.sandbox).unzip();
        WorkerRow {
            name: self.name.clone(),
            class: config.queue.class,
            slots: u32::try_from(config.worker_slots).unwrap_or(u32::MAX),
            running: lock(&self.presence.running).iter().copied().collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            image,
            image_digest,
        }
    }
}
