//! What queue and database cost a job: from its acceptance to its completion, with a training that takes no time.
//!
//! PostgreSQL and RabbitMQ are real, started for this run, and write to the disk before they answer. Left out is what is
//! neither queue nor database: files, sandbox, signatures.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use assay_platform::{
    Config, Platform,
    ids::{JobId, UniqueDir},
    job::{Class, Completion, NewJob, Priority, Timings},
    upkeep,
};
use assay_protocol::{AibomVersion, Framework, JobRequest, Metadata, Parameters};
use assay_test_parts::{Postgres, Rabbit};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::{sync::watch, task::JoinSet};

use crate::print;

/// Tasks that hand jobs in.
const CLIENTS: usize = 16;
/// How long nothing may move before the run is given up.
const STALLED: Duration = Duration::from_secs(120);

/// What the run asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Jobs that are measured.
    pub(crate) jobs: usize,
    /// Jobs that wait already in the second part.
    pub(crate) backlog: usize,
    /// Jobs that are worked on at a time.
    pub(crate) slots: usize,
}

struct Bench {
    platform: Platform,
    _folder: TempDir,
    _postgres: Postgres,
    _rabbit: Rabbit,
}

pub(crate) fn run(load: Load) -> anyhow::Result<()> {
    // Started from this thread, which lives as long as they are needed.
    let postgres = Postgres::start()?;
    let rabbit = Rabbit::start()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let bench = Bench::open(postgres, rabbit).await?;
            measure(&bench, load).await
        })
}

async fn measure(bench: &Bench, load: Load) -> anyhow::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let upkeep = tokio::spawn(upkeep::keep(bench.platform.clone(), stopping));
    let begun = Instant::now();
    let (handed_in, worked) =
        tokio::join!(bench.hand_in(load.jobs), bench.work(load.jobs, load.slots));
    handed_in?;
    worked?;
    let whole = rate(load.jobs, begun);
    print(format!(
        "accepted → outbox → broker → claimed → completed, {} jobs: {whole:.0} jobs/s",
        load.jobs
    ));

    let empty = bench.drain(load, 0).await?;
    print(format!(
        "taken and completed, nothing else waiting: {empty:.0} jobs/s"
    ));
    let full = bench.drain(load, load.backlog).await?;
    print(format!(
        "taken and completed, {} more waiting: {full:.0} jobs/s; ratio {:.2}",
        load.backlog,
        full / empty
    ));
    stop.send_replace(true);
    upkeep.await?;
    Ok(())
}

impl Bench {
    async fn open(postgres: Postgres, rabbit: Rabbit) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let password = folder.path().join("password");
        let mut config = Config::in_dir(folder.path().join("data"))?;
        config.database.url = postgres.url();
        let url = rabbit.url();
        let (account, place) = url.split_once('@').context("an address without account")?;
        let (user, word) = account
            .rsplit_once(':')
            .context("an account without password")?;
        std::fs::write(&password, word)?;
        config.queue.url = format!("{user}@{place}");
        config.queue.password_file = password;
        Ok(Self {
            platform: Platform::open(config).await?,
            _folder: folder,
            _postgres: postgres,
            _rabbit: rabbit,
        })
    }

    /// Writes jobs as the API does.
    async fn hand_in(&self, jobs: usize) -> anyhow::Result<()> {
        let left = Arc::new(AtomicUsize::new(jobs));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (db, left) = (self.platform.db.clone(), Arc::clone(&left));
            clients.spawn(async move {
                while take(&left) {
                    db.insert_job(&job()).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = clients.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Claims and completes so many jobs.
    async fn work(&self, jobs: usize, slots: usize) -> anyhow::Result<()> {
        let left = Arc::new(AtomicUsize::new(jobs));
        let mut tasks = JoinSet::new();
        for slot in 0..slots {
            let (platform, left) = (self.platform.clone(), Arc::clone(&left));
            tasks.spawn(async move {
                while take(&left) {
                    one(&platform, slot).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// The rate at which jobs are taken and completed when so many more wait behind them.
    async fn drain(&self, load: Load, backlog: usize) -> anyhow::Result<f64> {
        self.hand_in(load.jobs + backlog).await?;
        let begun = Instant::now();
        while self.waiting().await? < (load.jobs + backlog) as u64 {
            if begun.elapsed() > STALLED.saturating_mul(10) {
                bail!("the doorbells did not all ring");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let begun = Instant::now();
        self.work(load.jobs, load.slots).await?;
        Ok(rate(load.jobs, begun))
    }

    async fn waiting(&self) -> anyhow::Result<u64> {
        let depths = self.platform.queue.depths().await?;
        Ok(depths.iter().map(|depth| depth.waiting).sum())
    }
}

/// Takes one of what is left.
fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

/// The way of one job through a worker, without the work.
async fn one(platform: &Platform, slot: usize) -> anyhow::Result<()> {
    let worker = format!("bench-{slot}");
    loop {
        let next = tokio::time::timeout(STALLED, platform.queue.next());
        let ring = next.await.context("no doorbell rings any more")??;
        let lease = platform.config.lease;
        let claim = platform.db.claim(ring.job, &worker, lease).await?;
        ring.done().await;
        // A doorbell that rang twice.
        let Some(claim) = claim else { continue };
        let completion = Completion {
            artifacts: Vec::new(),
            timings: Timings::default(),
        };
        if !platform
            .db
            .complete(claim.job.id, claim.attempt, &completion)
            .await?
        {
            bail!("a lease was lost");
        }
        return Ok(());
    }
}

fn rate(jobs: usize, begun: Instant) -> f64 {
    jobs as f64 / begun.elapsed().as_secs_f64()
}

fn job() -> NewJob {
    NewJob {
        id: JobId::new(),
        unique_dir: UniqueDir::new(),
        request: JobRequest {
            framework: Framework::Candle,
            metadata: Metadata::default(),
            parameters: Parameters::default(),
            aibom: AibomVersion::default(),
        },
        class: Class::Cpu,
        priority: Priority::Normal,
        traceparent: None,
        submitted_at: OffsetDateTime::now_utc(),
        artifacts: Vec::new(),
    }
}
