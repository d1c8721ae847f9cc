use std::{sync::Arc, time::Duration};

use assay_attest::KeyId;
use assay_platform::{
    Platform,
    backoff::Backoff,
    db::{Claimer, DbError},
    ids::JobId,
    job::{Claim, Class},
    queue::{Doorbell, QueueError, Ring},
    shutdown::wanted,
    telemetry::continue_trace,
    upkeep,
    worker::{process_name, signer_name},
};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::Instrument;

use crate::{
    attempt,
    boot_clock::BootInstant,
    environment::Machine,
    error::WorkerError,
    fitness::{self, Fitness},
    image::{self, LastScan},
    phase::{Phase, enter},
    presence::{self, Presence},
    program::TrainerProgram,
    trace,
};

/// How long attempts may take to end when the worker is to stop: killing and removing a container takes some seconds. What
/// has not ended by then counts as an attempt that was lost.
const GRACE: Duration = Duration::from_secs(20);
/// How long the worker may take to say that it is gone.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often news has the queue looked at, at most.
const NEWS_GAP: Duration = Duration::from_millis(100);
/// Before a doorbell rings again that only other workers are to hear.
const FOR_OTHERS: Duration = Duration::from_secs(2);
/// Before a claim that the database could not answer is tried again.
const CLAIM_AGAIN: Backoff = Backoff {
    least: Duration::from_millis(200),
    most: Duration::from_secs(2),
};

/// What every attempt of this worker needs.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) platform: Platform,
    /// The same after a restart, so that the worker can take up its jobs, and nobody else's.
    pub(crate) name: String,
    /// What proofs call it, by its key alone: the machine's name is nobody's business there.
    pub(crate) signer: String,
    /// The key that it signs with.
    pub(crate) keyid: KeyId,
    /// What it does, and whether it is to do more.
    pub(crate) presence: Presence,
    /// Whether it can do any.
    pub(crate) fitness: Fitness,
    pub(crate) last_scan: LastScan,
    pub(crate) machine: Machine,
    pub(crate) program: TrainerProgram,
}

/// Works until `shutdown` turns true (or its sender goes): `config.worker_slots` jobs at a time, with the
/// upkeep beside them.
///
/// At the start, jobs that this worker held when it last ended are queued again. At the end, running jobs are
/// stopped and queued again, which mostly takes no second and never more than half a minute.
///
/// # Errors
/// [`WorkerError`] when the start fails. A job that goes wrong is that job's [`assay_platform::job::Failure`].
pub async fn run(platform: Platform, shutdown: watch::Receiver<bool>) -> Result<(), WorkerError> {
    let (told, presence) = Presence::new();
    let worker = Arc::new(Worker::start(platform, presence).await?);
    let platform = &worker.platform;
    presence::alone(&worker).await?;
    let most = platform.config.max_attempts;
    let recovered = platform
        .at_start(|| platform.db.recover_worker(&worker.name, most))
        .await
        .map_err(WorkerError::Database)?;
    if !recovered.is_empty() {
        tracing::info!(jobs = recovered.len(), "took up jobs of an earlier run");
    }
    refill(platform).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(upkeep::keep(platform.clone(), shutdown.clone()));
    tasks.spawn(presence::tell(Arc::clone(&worker), told, shutdown.clone()));
    tasks.spawn(fitness::keep(Arc::clone(&worker), shutdown.clone()));
    if platform.queue.is_shared() {
        tasks.spawn(listen(platform.clone(), shutdown.clone()));
    }
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
    let gone = platform.db.worker_gone(&worker.name);
    if !matches!(timeout(FAREWELL, gone).await, Ok(Ok(()))) {
        tracing::debug!("the worker could not be taken off the list");
    }
    Ok(())
}

impl Worker {
    async fn start(platform: Platform, presence: Presence) -> Result<Self, WorkerError> {
        image::check(&platform.config, &platform.sandbox).map_err(WorkerError::Config)?;
        let key = platform.keys.worker()?;
        let (signer, keyid) = (signer_name(key.public()), key.keyid());
        let name = process_name(&platform.config.dir, &signer).map_err(WorkerError::Name)?;
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
            signer,
            keyid,
            presence,
            fitness: Fitness::default(),
            last_scan: LastScan::default(),
            machine,
            program,
        })
    }
}

/// A queue within the process starts empty: everything that is queued is rung for.
async fn refill(platform: &Platform) -> Result<(), WorkerError> {
    if !platform.queue.is_shared() {
        let queued = platform.at_start(|| platform.db.queued()).await;
        let queued = queued.map_err(WorkerError::Database)?;
        let bells: Vec<Doorbell> = queued.iter().map(Doorbell::from).collect();
        if let Some(trouble) = platform.queue.ring_all(&bells).await.trouble {
            return Err(trouble.into());
        }
    }
    Ok(())
}

/// Has the broker's queues looked at as soon as there is news of any job: it may just have been queued.
async fn listen(platform: Platform, mut shutdown: watch::Receiver<bool>) {
    let mut news = platform.subscribe();
    loop {
        tokio::select! {
            () = wanted(&mut shutdown) => return,
            told = news.recv() => match told {
                Ok(_) | Err(RecvError::Lagged(_)) => platform.queue.wake(),
                Err(RecvError::Closed) => return,
            },
        }
        // Running jobs make news all the time.
        sleep(NEWS_GAP).await;
    }
}

/// Runs one job after another.
async fn slot(worker: Arc<Worker>, mut shutdown: watch::Receiver<bool>) {
    loop {
        let ring = tokio::select! {
            biased;
            () = wanted(&mut shutdown) => return,
            ring = next(&worker) => match ring {
                Ok(ring) => ring,
                Err(_closed) => return,
            },
        };
        let (job, asked) = (ring.job, BootInstant::now());
        let Some(claim) = claim(&worker, ring, &mut shutdown).await else {
            continue;
        };
        let span = tracing::info_span!(
            "job",
            job = %job,
            attempt = claim.attempt,
            trace = tracing::field::Empty
        );
        continue_trace(&span, claim.job.traceparent.as_deref());
        trace::waited(&span, &claim, worker.platform.queue.kind());
        let _running = worker.presence.running(job);
        let run =
            attempt::run(Arc::clone(&worker), claim, asked, shutdown.clone()).instrument(span);
        // A task of its own, so that a panic costs one attempt (its lease runs out) and not the slot.
        if let Err(error) = tokio::spawn(run).await {
            tracing::error!(%job, %error, "an attempt broke off");
        }
    }
}

/// Waits until the database takes writes again, or the worker is to stop.
async fn until_writable(platform: &Platform, shutdown: &mut watch::Receiver<bool>) {
    let mut failures = 0;
    loop {
        tokio::select! {
            () = wanted(shutdown) => return,
            () = sleep(CLAIM_AGAIN.after(failures)) => {}
        }
        if platform.db.check_writing().await.is_ok() {
            return;
        }
        failures = failures.saturating_add(1);
    }
}

/// The next doorbell, once this worker is to take jobs and can.
async fn next(worker: &Worker) -> Result<Ring, QueueError> {
    let mut presence = worker.presence.clone();
    loop {
        presence.until_wanted().await;
        worker.fitness.until_fit().await;
        tokio::select! {
            ring = worker.platform.queue.next() => return ring,
            () = presence.until_draining() => {}
            () = worker.fitness.until_unfit() => {}
        }
    }
}

/// The class of jobs that this worker takes; `None`: every class, since it is the only worker of its queue.
fn class(platform: &Platform) -> Option<Class> {
    let shared = platform.queue.is_shared();
    shared.then_some(platform.config.queue.class)
}

/// Claims a job; `None` when somebody else has it, it may not run now, it is for workers of another class, or it has
/// ended. The doorbell is settled then.
///
/// A claim that is asked for is waited for, also when the worker is to stop: it may have been made.
async fn claim(worker: &Worker, ring: Ring, shutdown: &mut watch::Receiver<bool>) -> Option<Claim> {
    let platform = &worker.platform;
    let (job, mut failures, mut tried) = (ring.job, 0, None);
    let class = class(platform);
    enter(Phase::Claim, job);
    match Box::pin(image::stays_held(worker, job, class)).await {
        Ok(true) => {
            ring.done().await;
            return None;
        }
        Ok(false) => {}
        // An attempt will meet the same trouble, and there it is told of.
        Err(error) => tracing::debug!(%job, %error, "a held job could not be looked at"),
    }
    loop {
        let lease = platform.config.lease;
        let claimer = Claimer {
            name: &worker.name,
            keyid: Some(worker.keyid),
            class,
        };
        let claim = platform.db.claim_again(job, claimer, lease, &mut tried);
        match claim.await {
            Ok(claim) => {
                if claim.is_none() {
                    leave_to_others(worker, job).await;
                }
                ring.done().await;
                return claim;
            }
            Err(error @ DbError::Corrupt { .. }) => {
                tracing::error!(%job, %error, "a job cannot be read");
                ring.done().await;
                return None;
            }
            // A worker that reaches the database may hear it meanwhile.
            Err(error) if platform.queue.is_shared() && tried.is_none() => {
                tracing::warn!(%job, %error, "a job could not be claimed; its doorbell goes back");
                drop(ring);
                until_writable(platform, shutdown).await;
                return None;
            }
            // Nothing else could be claimed either, so the slot waits with its doorbell.
            Err(error) => {
                tracing::warn!(%job, %error, "a job could not be claimed; it is tried again");
                tokio::select! {
                    () = wanted(shutdown) => return None,
                    () = sleep(CLAIM_AGAIN.after(failures)) => {}
                }
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// Has the doorbell of a job ring again that was not given because it is for other workers than this one.
async fn leave_to_others(worker: &Worker, job: JobId) {
    let reason = format!(
        "it is to be reproduced by a worker whose key neither trained nor vouched for it yet, and {} did; it waits for another \
         worker that the job's layout names",
        worker.keyid.short()
    );
    let left = worker
        .platform
        .db
        .leave_to_others(job, worker.keyid, &reason, FOR_OTHERS);
    // Its doorbell rings again sooner or later.
    if let Err(error) = left.await {
        tracing::debug!(%job, %error, "a job that is for others could not be left to them");
    }
}
