use std::time::Duration;

use assay_attest::Digest;
use assay_platform::{
    job::Claim,
    sandbox::{Command, Mode},
};
use assay_protocol::Event;
use time::OffsetDateTime;
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tracing::Span;

use crate::{
    checkpoint::{Plan, keep},
    environment::{Meter, Reading},
    lease::LeaseKeeper,
    outcome::{Trained, judge},
    receive_events::receive_events,
    run_loop::Worker,
    stage::Staged,
    stop::Stop,
    trace::note_room,
    witness::Comparison,
};

/// Events in flight between the sandbox and the event log; a full channel slows the trainer down.
const EVENTS_IN_FLIGHT: usize = 256;

/// How long a checkpoint that is on its way to the store may take when the attempt has to stop.
const LAST_CHECKPOINT: Duration = Duration::from_secs(5);

/// Runs the trainer in the staged room, keeps its checkpoints (`newest` is the last one in the store), and judges how that
/// ended. A lost lease, a cancellation and the worker's own end kill it, and so does the first difference from the proof
/// that it is held against.
pub(crate) async fn train(
    worker: &Worker,
    claim: &Claim,
    staged: &Staged,
    plan: &Plan,
    comparison: Option<&mut Comparison>,
    lease: &LeaseKeeper,
    newest: &mut Option<Digest>,
) -> Result<(Trained, Reading), Stop> {
    let platform = &worker.platform;
    let (events, said) = mpsc::channel(EVENTS_IN_FLIGHT);
    let (differs, differing) = watch::channel(false);
    let (received, compare) = past(comparison, said, differs);
    let (written, checkpoints) = watch::channel(None);
    let command = Command {
        mode: Mode::Train,
        threads: platform.config.trainer_threads,
    };
    let run = platform.sandbox.run(
        &staged.room,
        command,
        &platform.config.sandbox.limits,
        events,
        stopped(lease, differing),
    );
    let listen = receive_events(
        platform,
        claim.job.id,
        claim.attempt,
        &staged.request.parameters,
        plan.offered.as_ref().map(|offered| offered.epoch),
        received,
        written,
    );
    let keep = async {
        tokio::select! {
            () = keep(platform, staged, plan, checkpoints, newest) => {}
            () = async { lease.ended().await; sleep(LAST_CHECKPOINT).await } => {
                tracing::warn!("a checkpoint that was on its way to the store is given up");
            }
        }
    };
    let meter = Meter::start(
        &platform.config.environment.rapl_root,
        &worker.machine.gpus,
        platform.config.worker_slots,
    );
    let started_at = OffsetDateTime::now_utc();
    let (finished, (heard, course), (), comparison) = tokio::join!(run, listen, keep, compare);
    let finished_at = OffsetDateTime::now_utc();
    let span = Span::current();
    course.tell(&span);
    let reading = meter.end().await;
    let finished = finished.map_err(|error| match Stop::from(error) {
        // Once it ran, the job may be why the engine is gone.
        Stop::Unavailable(reason) if heard.events > 0 => Stop::Infrastructure(reason),
        stop => stop,
    })?;
    note_room(&span, &finished);
    // The lease says why the trainer was killed, and it may have ended in the very moment of a good end.
    lease.check()?;
    if let Some(comparison) = comparison {
        comparison.check()?;
    }
    let trained = judge(finished, heard, (started_at, finished_at))?;
    Ok((trained, reading))
}

/// A run's events after they went past the comparison, if there is one, and what makes them go past it.
fn past(
    comparison: Option<&mut Comparison>,
    said: mpsc::Receiver<Event>,
    differs: watch::Sender<bool>,
) -> (
    mpsc::Receiver<Event>,
    impl Future<Output = Option<&mut Comparison>>,
) {
    let (received, compare) = match comparison {
        Some(comparison) => {
            let (passed, received) = mpsc::channel(EVENTS_IN_FLIGHT);
            (received, Some((comparison, said, passed)))
        }
        None => (said, None),
    };
    let compare = async {
        let (comparison, said, passed) = compare?;
        comparison.follow(said, passed, differs).await;
        Some(comparison)
    };
    (received, compare)
}

/// Completes when the trainer has to be ended: with the attempt, or at the first difference.
fn stopped(
    lease: &LeaseKeeper,
    mut differing: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + 'static {
    let ended = lease.ended();
    async move {
        let differs = async {
            // Nobody compares (any more): this is no reason to end.
            if differing.wait_for(|differs| *differs).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = ended => {}
            () = differs => {}
        }
    }
}
