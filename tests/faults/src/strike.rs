use std::{collections::BTreeMap, thread::sleep, time::Duration};

use anyhow::Context as _;

use crate::{
    deployment::{Deployment, LEASE_SECONDS},
    options::{Options, Sandbox},
    phase::Phase,
    process::kill_below,
    random::Random,
};

/// What can happen to a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A worker is killed.
    Worker,
    /// The trainer alone is killed: its process, or its container.
    Trainer,
    /// The API is killed.
    Api,
    /// RabbitMQ is killed.
    Broker,
    /// PostgreSQL is killed.
    Database,
    /// The S3 server is killed.
    Store,
    /// A worker is paused past its lease, and comes back.
    Pause,
    /// Every connection to the broker is closed.
    Cut,
    /// The disk with a worker's rooms is filled up for a while.
    FullDisk,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Worker,
        Self::Trainer,
        Self::Api,
        Self::Broker,
        Self::Database,
        Self::Store,
        Self::Pause,
        Self::Cut,
        Self::FullDisk,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker killed",
            Self::Trainer => "trainer killed",
            Self::Api => "api killed",
            Self::Broker => "broker killed",
            Self::Database => "database killed",
            Self::Store => "store killed",
            Self::Pause => "worker paused",
            Self::Cut => "broker cut off",
            Self::FullDisk => "disk full",
        }
    }
}

/// A strike to come: what, and in which phase of a job; `None` for any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) phase: Option<Phase>,
}

/// How often each kind of strike met each phase.
pub(crate) type Histogram = BTreeMap<(Kind, Phase), usize>;

/// Every strike of a run, in random order.
pub(crate) fn plan(options: &Options, disks: bool, random: &mut Random) -> Vec<Plan> {
    let rare = options.per_phase.div_ceil(3);
    let mut plans = Vec::new();
    for phase in Phase::ALL {
        let worker = Plan {
            kind: Kind::Worker,
            phase: Some(phase),
        };
        plans.extend(std::iter::repeat_n(worker, options.per_phase));
    }
    let train = Some(Phase::Train);
    for (kind, phase, times) in [
        (Kind::Trainer, train, options.per_phase),
        (Kind::Api, None, options.per_phase),
        (Kind::Broker, None, rare),
        (Kind::Database, None, options.per_phase),
        (Kind::Store, None, options.per_phase),
        (Kind::Pause, None, rare),
        (Kind::Cut, None, rare),
        (
            Kind::FullDisk,
            train,
            if disks { options.per_phase } else { 0 },
        ),
    ] {
        plans.extend(std::iter::repeat_n(Plan { kind, phase }, times));
    }
    random.shuffle(&mut plans);
    plans
}

/// Strikes now, and puts everything right again. `worker` is the one whose phase called for it; gives the phase that
/// was met, `None` when nothing was.
pub(crate) fn strike(
    on: &mut Deployment,
    options: &Options,
    plan: Plan,
    worker: usize,
    now: Phase,
    random: &mut Random,
) -> anyhow::Result<Option<Phase>> {
    let moment = random.up_to(Duration::from_millis(1500));
    match plan.kind {
        Kind::Worker => {
            let worker = on.workers.get_mut(worker).context("no such worker")?;
            let met = worker.kill();
            sleep(moment);
            worker.start()?;
            return Ok(met);
        }
        Kind::Trainer => {
            let killed = match (options.sandbox, on.workers.get(worker)) {
                (Sandbox::Process, Some(worker)) => worker.pid().map_or(0, kill_below),
                (Sandbox::Docker, _) => crate::containers::kill_all(&on.folder)?,
                (_, None) => 0,
            };
            return Ok((killed > 0).then_some(Phase::Train));
        }
        Kind::Api => {
            on.api.kill();
            sleep(moment);
            on.api.start()?;
        }
        Kind::Broker => {
            on.rabbit.kill();
            sleep(moment);
            on.rabbit.restart()?;
        }
        Kind::Database => {
            on.postgres.kill();
            sleep(moment);
            on.postgres.restart()?;
        }
        Kind::Store => {
            on.s3.kill();
            sleep(moment);
            on.s3.restart()?;
        }
        Kind::Pause => {
            let worker = on.workers.get(worker).context("no such worker")?;
            worker.pause()?;
            sleep(Duration::from_secs(LEASE_SECONDS + 1) + moment);
            worker.go_on()?;
        }
        // The broker shows a connection some seconds after it was made.
        Kind::Cut => {
            if on.corner.vhost().cut()? == 0 {
                return Ok(None);
            }
        }
        Kind::FullDisk => {
            let disk = on.disks.get(worker).context("no such disk")?;
            disk.fill()?;
            sleep(moment);
            disk.clear()?;
        }
    }
    Ok(Some(now))
}
