use std::path::Path;

use anyhow::bail;
use assay_platform::{
    Config, Service, TRAINER_COMMAND,
    sandbox::{Command, Finished, Mode, ProcessSandbox, Program, Room, Sandbox},
};
use assay_protocol::{Event, Fault};
use tokio::sync::{mpsc, watch};

use super::{
    Segment,
    compare::{Comparison, Next},
    judge::judge,
    proof::Proof,
    room::fill,
    verdict::Verdict,
};
use crate::{
    commands::watch::{epoch_bar, show},
    output::Output,
};

/// Events in flight between the sandbox and the comparison.
const EVENTS_IN_FLIGHT: usize = 256;

/// What a run said and how it ended.
pub(super) struct Run {
    pub(super) comparison: Comparison,
    pub(super) finished: Finished,
    /// Whether the trainer said that it was done.
    pub(super) done: bool,
    /// Whether it was ended here, because it had shown all that it can.
    pub(super) stopped: bool,
    /// Why the trainer gave up.
    pub(super) failed: Option<Fault>,
    /// Why there was nothing to compare.
    pub(super) refused: Option<String>,
}

/// Trains again what a proof says and compares.
pub(super) async fn again(
    output: Output,
    dir: &Path,
    proof: &Proof,
    segment: Option<Segment>,
) -> anyhow::Result<Verdict> {
    let config = Config::load_for(Service::All, None, &[])?;
    let rooms = tempfile::Builder::new()
        .prefix("assay-reproduce-")
        .tempdir()?;
    let room = Room::create(rooms.path())?;
    let parameters = fill(&room, dir, proof, &config, segment)?;
    let all = parameters.epochs.saturating_sub(parameters.initial_epoch);
    let epochs = segment.map_or(all, |part| part.to - part.from);
    output.say(format!(
        "Training again, {epochs} of {all} epochs, seed {}.",
        parameters.seed
    ));
    let comparison = Comparison::new(proof.transcript.clone(), proof.arithmetic.clone(), segment);
    let run = run(output, &room, &config, comparison).await?;
    if let Some(reason) = run.refused {
        bail!("{reason}");
    }
    if let Some(fault) = run.failed {
        bail!(
            "the training failed here: {} ({})",
            fault.message,
            fault.code
        );
    }
    let whole = run.done && run.finished.succeeded();
    if !whole && !run.stopped {
        let said = run.finished.stderr_tail.trim();
        bail!(
            "the training did not come to its end here ({:?}): {said}",
            run.finished.ended
        );
    }
    judge(dir, proof, &room, &run, segment)
}

async fn run(
    output: Output,
    room: &Room,
    config: &Config,
    mut comparison: Comparison,
) -> anyhow::Result<Run> {
    let sandbox = Sandbox::Process(ProcessSandbox {
        launcher: Program::this(std::iter::empty::<String>()),
        trainer: Program::this([TRAINER_COMMAND]),
        allow_missing: config.sandbox.allow_missing.clone(),
    });
    let command = Command {
        mode: Mode::Train,
        threads: config.trainer_threads,
    };
    let (events, mut heard) = mpsc::channel(EVENTS_IN_FLIGHT);
    let (stop, mut stopped) = watch::channel(false);
    let cancel = async move {
        // An error means that nobody will ask any more.
        let asked = stopped.wait_for(|stop| *stop).await.is_ok();
        if !asked {
            std::future::pending::<()>().await;
        }
    };
    let limits = &config.sandbox.limits;
    let trained = Box::pin(sandbox.run(room, command, limits, events, cancel));
    let bar = epoch_bar(output);
    let (mut done, mut failed, mut refused) = (false, None, None);
    let listen = async {
        while let Some(event) = heard.recv().await {
            if *stop.borrow() {
                continue;
            }
            show(output, &bar, &event);
            match &event {
                Event::Done { .. } => done = true,
                Event::Failed(fault) => failed = fault.clone().sanitized(),
                _ => {}
            }
            match comparison.hear(&event) {
                Next::Train => continue,
                Next::Stop => {}
                Next::Refuse(reason) => refused = Some(reason),
            }
            stop.send_replace(true);
        }
    };
    let (finished, ()) = tokio::join!(trained, listen);
    bar.finish_and_clear();
    Ok(Run {
        comparison,
        finished: finished?,
        done,
        stopped: *stop.borrow(),
        failed,
        refused,
    })
}
