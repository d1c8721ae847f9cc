use assay_platform::{
    Platform,
    job::Claim,
    sandbox::{Command, Mode},
};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use crate::{
    lease::LeaseKeeper,
    log_writer::listen,
    outcome::{Trained, judge},
    stage::Staged,
    stop::Stop,
};

/// Events in flight between the sandbox and the event log; a full channel slows the trainer down.
const EVENTS_IN_FLIGHT: usize = 256;

/// Runs the trainer in the staged room, and judges how that ended. A lost lease, a cancellation and the worker's own end kill it.
pub(crate) async fn train(
    platform: &Platform,
    claim: &Claim,
    staged: &Staged,
    lease: &LeaseKeeper,
) -> Result<Trained, Stop> {
    let (events, received) = mpsc::channel(EVENTS_IN_FLIGHT);
    let command = Command {
        mode: Mode::Train,
        threads: platform.config.trainer_threads,
    };
    let run = platform.sandbox.run(
        &staged.room,
        command,
        &platform.config.sandbox.limits,
        events,
        lease.ended(),
    );
    let listen = listen(
        platform,
        claim.job.id,
        claim.attempt,
        &staged.request.parameters,
        received,
    );
    let started_at = OffsetDateTime::now_utc();
    let (finished, heard) = tokio::join!(run, listen);
    let finished_at = OffsetDateTime::now_utc();
    let finished = finished?;
    // The lease says why the trainer was killed, and it may have ended in the very moment of a good end.
    lease.check()?;
    judge(finished, heard, (started_at, finished_at))
}
