use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    check::{self, Outcome},
    conductor::Conductor,
    containers,
    deployment::{Deployment, text},
    load::{Client, Inputs},
    options::{Options, Sandbox},
    process::left_behind,
    random::Random,
    report,
    say::say,
    strike::{Histogram, plan},
};

/// Without any job ending for so long, those that are left are lost.
const PATIENCE: Duration = Duration::from_secs(180);

/// The whole run; gives whether everything is as it must be.
pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let begun = Instant::now();
    let seed = options.seed.unwrap_or_else(Random::seed);
    say(format!(
        "seed {seed}: {} jobs, {} workers, {} kills a phase",
        options.jobs, options.workers, options.per_phase
    ));
    let temporary = tempfile::Builder::new().prefix("assay-faults-").tempdir()?;
    let folder = match &options.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            dir.canonicalize()?
        }
        None => temporary.path().canonicalize()?,
    };
    let runtime = Runtime::new()?;
    let ran = rounds(options, seed, &folder, &runtime);
    let right = match ran {
        Ok((histogram, client, outcome)) => {
            report::print(seed, begun.elapsed(), &histogram, &client, &outcome);
            outcome.wrong.is_empty()
        }
        Err(error) => {
            let kept = temporary.keep();
            return Err(error.context(format!("logs are in {}", kept.join("").display())));
        }
    };
    if !right {
        say(format!("logs are kept in {}", folder.display()));
        let _kept = temporary.keep();
    }
    Ok(right)
}

/// What struck where, who handed in what, and what became of it.
type Round = (Histogram, Client, Outcome);

fn rounds(options: &Options, seed: u64, folder: &Path, runtime: &Runtime) -> anyhow::Result<Round> {
    let (tell, phases) = channel();
    let mut on = Deployment::start(options, folder, &tell)?;
    let sample = folder.join("sample");
    on.run(&["sample", "wine", text(&sample)?])?;
    let inputs = Inputs::read(&sample)?;
    let mut client = Client::new(&on.url)?;
    if on.disks.is_empty() {
        say("no disk is filled up: that takes root, and the process sandbox");
    }
    let mut random = Random::new(seed);
    let plans = plan(options, !on.disks.is_empty(), &mut random);
    let end = Instant::now() + Duration::from_secs(60 * options.minutes);
    let struck = Arc::new(AtomicBool::new(false));
    let (histogram, handed_in) = std::thread::scope(|scope| {
        let conductor = scope.spawn(|| {
            let mut conductor = Conductor {
                options,
                random: Random::new(seed ^ 1),
                phases,
                end,
                now: BTreeMap::new(),
                typical: BTreeMap::new(),
            };
            let landed = conductor.run(&mut on, plans);
            struck.store(true, Ordering::Relaxed);
            landed
        });
        let work = hand_in(&mut client, &inputs, options, &struck, end, &mut random);
        let handed_in = runtime.block_on(work);
        (conductor.join(), handed_in)
    });
    let histogram = histogram.map_err(|_| anyhow::anyhow!("the conductor panicked"))??;
    handed_in?;
    let lost = runtime.block_on(settle(&client, end))?;
    let mut outcome = runtime.block_on(check::jobs(&client, &on))?;
    if lost > 0 {
        outcome.wrong.push(format!("{lost} jobs have not ended"));
    }
    outcome.wrong.extend(close(on, options, runtime)?);
    Ok((histogram, client, outcome))
}

/// Hands in jobs, a few ahead of the workers, until there are enough and every strike has landed.
async fn hand_in(
    client: &mut Client,
    inputs: &Inputs,
    options: &Options,
    struck: &AtomicBool,
    end: Instant,
    random: &mut Random,
) -> anyhow::Result<()> {
    let ahead = 3 * options.workers as usize;
    while client.accepted.len() < options.jobs || !struck.load(Ordering::Relaxed) {
        if Instant::now() > end {
            bail!("the time was over before all jobs were handed in");
        }
        match client.open().await {
            Ok(open) if open < ahead => client.submit(inputs, random).await,
            // Enough wait, or the API does not answer just now.
            _ => sleep(Duration::from_millis(50)).await,
        }
    }
    Ok(())
}

/// Waits until every job has ended; gives how many have not when nothing goes on any more.
async fn settle(client: &Client, end: Instant) -> anyhow::Result<usize> {
    let mut last = (usize::MAX, Instant::now());
    loop {
        let open = client.open().await.unwrap_or(usize::MAX - 1);
        if open == 0 {
            return Ok(0);
        }
        if open != last.0 {
            last = (open, Instant::now());
        }
        if last.1.elapsed() > PATIENCE || Instant::now() > end + PATIENCE {
            client.open().await.context("the API is gone")?;
            return Ok(open);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Stops everything in order; gives what was left behind.
fn close(mut on: Deployment, options: &Options, runtime: &Runtime) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let names = on.workers.iter_mut().chain([&mut on.api]);
    for process in names {
        if !process.runs() {
            wrong.push(format!("{} has ended by itself", process.name));
        } else if !process.end()? {
            wrong.push(format!("{} did not stop in order", process.name));
        }
    }
    for worker in &on.workers {
        wrong.extend(check::rooms(&on.folder.join(&worker.name).join("rooms")));
        let log = on.folder.join(format!("{}.log", worker.name));
        wrong.extend(check::outages_that_counted(&log)?);
    }
    wrong.extend(check::rooms(&on.folder.join("api/rooms")));
    let left = left_behind(&on.folder);
    wrong.extend(
        left.into_iter()
            .map(|one| format!("a process is left: {one}")),
    );
    if options.sandbox == Sandbox::Docker {
        let left = containers::left(&on.folder)?;
        wrong.extend(
            left.into_iter()
                .map(|one| format!("a container is left: {one}")),
        );
    }
    let uploads = runtime.block_on(report::uploads(&on.corner))?;
    say(format!(
        "uploads that a kill interrupted: {uploads}; they are removed when they are older than store.keep_unnamed_hours"
    ));
    Ok(wrong)
}
