use std::{sync::Arc, time::Duration};

use assay_platform::{Platform, ids::JobId, job::Claim, keys::worker_name};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::Instrument;

use crate::{
    attempt,
    environment::Machine,
    error::WorkerError,
    program::TrainerProgram,
    relay::{reap, relay},
    stop::wanted,
};

/// How long rooms may take to close at the end.
const GRACE: Duration = Duration::from_secs(2);
/// Before a claim that the database could not answer is tried again.
const CLAIM_AGAIN: Duration = Duration::from_secs(1);

/// What every attempt of this worker needs.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) platform: Platform,
    /// The same after a restart, so that the worker can take up its jobs: named by its key.
    pub(crate) name: String,
    pub(crate) machine: Machine,
    pub(crate) program: TrainerProgram,
}

/// Works until `shutdown` turns true (or its sender goes): `config.worker_slots` jobs at a time, with the
/// outbox relay and the reaper beside them.
///
/// At the start, jobs that this worker held when it last ended are queued again. At the end, running jobs are
/// stopped and queued again; all is over within two seconds.
///
/// # Errors
/// [`WorkerError`] when the start fails. A job that goes wrong is that job's [`assay_platform::job::Failure`].
pub async fn run(platform: Platform, shutdown: watch::Receiver<bool>) -> Result<(), WorkerError> {
    let worker = Arc::new(Worker::start(platform).await?);
    let platform = &worker.platform;
    let recovered = platform
        .db
        .recover_worker(&worker.name, platform.config.max_attempts)
        .await?;
    if !recovered.is_empty() {
        tracing::info!(jobs = recovered.len(), "took up jobs of an earlier run");
    }
    for id in platform.db.queued().await? {
        platform.queue.ring(id).await?;
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(relay(platform.clone(), shutdown.clone()));
    tasks.spawn(reap(platform.clone(), shutdown.clone()));
    for _ in 0..platform.config.worker_slots.max(1) {
        tasks.spawn(slot(Arc::clone(&worker), shutdown.clone()));
    }
    tracing::info!(worker = %worker.name, slots = platform.config.worker_slots, "worker ready");
    let mut stopping = shutdown;
    wanted(&mut stopping).await;
    let over = async { while tasks.join_next().await.is_some() {} };
    if timeout(GRACE, over).await.is_err() {
        tracing::warn!("jobs that did not stop in time are left to their leases");
    }
    Ok(())
}

impl Worker {
    async fn start(platform: Platform) -> Result<Self, WorkerError> {
        let name = worker_name(platform.keys.worker()?.public());
        let program = TrainerProgram::of(&platform.sandbox);
        let reader = program.clone();
        let nvml = platform.config.environment.nvml_library.clone();
        let measured =
            tokio::task::spawn_blocking(move || reader.digest().map(|_| Machine::measure(&nvml)));
        let machine = measured
            .await
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(|source| WorkerError::Program {
                path: program.place(),
                source,
            })?;
        Ok(Self {
            platform,
            name,
            machine,
            program,
        })
    }
}

/// Runs one job after another.
async fn slot(worker: Arc<Worker>, mut shutdown: watch::Receiver<bool>) {
    loop {
        let id = tokio::select! {
            biased;
            () = wanted(&mut shutdown) => return,
            next = worker.platform.queue.next() => match next {
                Ok(id) => id,
                Err(_closed) => return,
            },
        };
        let Some(claim) = claim(&worker, id).await else {
            continue;
        };
        let span = tracing::info_span!("job", job = %id, attempt = claim.attempt);
        let run = attempt::run(Arc::clone(&worker), claim, shutdown.clone()).instrument(span);
        // A task of its own, so that a panic costs one attempt (its lease runs out) and not the slot.
        if let Err(error) = tokio::spawn(run).await {
            tracing::error!(job = %id, %error, "an attempt broke off");
        }
    }
}

/// Claims a job; `None` when somebody else has it, or it has ended.
async fn claim(worker: &Arc<Worker>, id: JobId) -> Option<Claim> {
    let platform = &worker.platform;
    match platform
        .db
        .claim(id, &worker.name, platform.config.lease)
        .await
    {
        Ok(claim) => claim,
        Err(error) => {
            tracing::warn!(job = %id, %error, "a job could not be claimed; it is tried again");
            ring_later(platform.clone(), id, CLAIM_AGAIN);
            None
        }
    }
}

/// Rings for a job after a while. A process that ends meanwhile finds the job queued when it starts again.
fn ring_later(platform: Platform, id: JobId, after: Duration) {
    tokio::spawn(async move {
        sleep(after).await;
        // Closed: the process is stopping.
        let _closed = platform.queue.ring(id).await;
    });
}
