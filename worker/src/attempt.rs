//! One attempt at a job, from its claim to its end: the order of its steps, and what each leaves to the next.

use std::{sync::Arc, time::Instant};

use assay_attest::Digest;
use assay_platform::{
    job::{Artifact, Claim, Timings},
    telemetry::{self, metrics::PROOF_SECONDS},
};
use tokio::sync::watch;
use tracing::{Instrument as _, Span};

use crate::{
    attest::{Circumstances, Evidence, attest},
    boot_clock::BootInstant,
    checkpoint,
    collect::{collect, keep_logs},
    complete::complete,
    image,
    layout::layout_of,
    lease::{Claimed, LeaseKeeper},
    phase::{Phase, enter},
    run_loop::Worker,
    source::Source,
    stage::{Staged, stage},
    stop::Stop,
    trace::{self, part},
    train::train,
    transcript,
    witness::{Recorded, train_and_witness},
};

/// What an attempt has to show so far.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) timings: Timings,
    /// Outputs and proof in the store; nothing in the database names them yet.
    pub(crate) stored: Vec<Artifact>,
    /// The log of a failed training in the store, likewise.
    pub(crate) logs: Vec<Artifact>,
    /// The newest checkpoint in the store; the job's row names it until the job ends.
    pub(crate) checkpoint: Option<Digest>,
}

/// Runs one claimed attempt to whatever end it comes to, and writes that end.
///
/// `asked` is the moment just before the database was asked for the claim.
pub(crate) async fn run(
    worker: Arc<Worker>,
    claim: Claim,
    asked: BootInstant,
    shutdown: watch::Receiver<bool>,
) {
    let started = Instant::now();
    let claimed = Claimed {
        job: claim.job.id,
        attempt: claim.attempt,
        asked,
    };
    let lease = LeaseKeeper::start(worker.platform.clone(), claimed, shutdown);
    tracing::info!(worker = %worker.name, "job claimed");
    let mut record = Record::default();
    let end = Box::pin(drive(&worker, &claim, &lease, &mut record)).await;
    let id = claim.job.id;
    worker.fitness.ended(&end);
    enter(Phase::Complete, id);
    let checkpoint = record.checkpoint;
    trace::mark(&Span::current(), end.as_ref().err());
    let held = || lease.check().is_ok();
    let span = tracing::debug_span!("complete");
    let written = complete(&worker.platform, &claim, record, end, &held);
    let written = written.instrument(span.clone()).await;
    match written {
        Ok(end) => {
            tracing::info!(end, ms = started.elapsed().as_millis(), "attempt over");
            if let Some(digest) = checkpoint {
                // Stays while the job goes on.
                checkpoint::release(&worker.platform, digest).await;
            }
        }
        // The lease runs out, and the reaper gives the job to the next attempt.
        Err(error) => {
            telemetry::failed(&span, "database");
            tracing::error!(%error, "the end of an attempt could not be written");
        }
    }
    enter(Phase::Over, id);
}

/// The straight way to a proof: admit, stage, train, collect, attest; for a job that reproduces another one, to a witness's
/// link.
async fn drive(
    worker: &Worker,
    claim: &Claim,
    lease: &LeaseKeeper,
    record: &mut Record,
) -> Result<(), Stop> {
    let platform = &worker.platform;
    let begun = Instant::now();
    enter(Phase::Fetch, claim.job.id);
    let source = lease.during(Source::of(platform, claim)).await?;
    let layout = lease.during(layout_of(platform, &source.artifacts)).await?;
    let recorded = match claim.job.reproduces {
        Some(_) => Some(
            lease
                .during(Recorded::read(platform, &source, &layout))
                .await?,
        ),
        None => None,
    };
    let image = lease.during(image::admit(worker, claim, &layout)).await?;
    let staging = async {
        tokio::try_join!(
            stage(platform, claim, &source, &layout),
            Circumstances::measure(worker, image)
        )
    };
    let staging = part(tracing::debug_span!("stage"), staging);
    let (staged, circumstances) = lease.during(staging).await?;
    record.timings.fetch_ms = ms(begun);
    lease.check()?;
    let (staging, seen) = (&staged, &circumstances);
    let end = match &recorded {
        None => Box::pin(train_and_prove(worker, claim, lease, staging, seen, record)).await,
        Some(recorded) => {
            let end = train_and_witness(worker, claim, lease, staging, seen, recorded, record);
            Box::pin(end).await
        }
    };
    if let Err(Stop::Failed(_)) = end {
        record.logs = keep_logs(platform, claim.job.unique_dir, &staged.room).await;
    }
    // A room may be large, and nobody waits for it to be gone.
    tokio::task::spawn_blocking(move || drop(staged));
    end
}

async fn train_and_prove(
    worker: &Worker,
    claim: &Claim,
    lease: &LeaseKeeper,
    staged: &Staged,
    circumstances: &Circumstances,
    record: &mut Record,
) -> Result<(), Stop> {
    let platform = &worker.platform;
    let plan = checkpoint::plan(platform, claim, staged, &circumstances.program);
    let plan = lease.during(plan).await?;
    let begun = Instant::now();
    enter(Phase::Train, claim.job.id);
    let trained = train(
        worker,
        claim,
        staged,
        &plan,
        None,
        lease,
        &mut record.checkpoint,
    );
    let trained = Box::pin(part(tracing::debug_span!("train"), trained)).await;
    record.timings.train_ms = ms(begun);
    let (trained, reading) = trained?;

    enter(Phase::Upload, claim.job.id);
    let begun = Instant::now();
    let said = &trained.done.outputs;
    let (unique_dir, stored) = (claim.job.unique_dir, &mut record.stored);
    let collected = collect(platform, unique_dir, &staged.room, said, stored);
    let collected = part(tracing::debug_span!("collect"), collected);
    let collected = lease.during(collected).await?;
    let outputs = &collected.outputs;
    transcript::ends_in(trained.transcript.as_ref(), outputs)?;
    let kept = plan.kept(&collected.checkpoints);
    lease.check()?;
    let evidence = Evidence {
        claim,
        worker: &worker.signer,
        circumstances,
        staged,
        trained: &trained,
        reading: &reading,
        resumed: trained.resumed.and(plan.offered.as_ref()),
        kept: kept.as_ref(),
        outputs,
        limits: &platform.config.sandbox.limits,
    };
    let attested = attest(platform, evidence, stored);
    let attested = part(tracing::debug_span!("attest"), attested);
    lease.during(attested).await?;
    record.timings.proof_ms = ms(begun);
    metrics::histogram!(PROOF_SECONDS).record(begun.elapsed().as_secs_f64());
    lease.check()
}

/// Milliseconds since `begun`.
pub(crate) fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}
