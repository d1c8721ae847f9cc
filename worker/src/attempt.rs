use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use assay_platform::{
    db::DbError,
    job::{Artifact, Claim, Completion, Failure, Timings},
};
use assay_protocol::Fault;
use tokio::sync::watch;

use crate::{
    attest::{Circumstances, Evidence, attest},
    collect::{collect, keep_logs},
    complete::{self, retry},
    lease::LeaseKeeper,
    run_loop::{Worker, ring_later},
    stage::stage,
    stop::Stop,
    train::train,
};

/// What an attempt has to show so far.
#[derive(Debug, Default)]
struct Record {
    timings: Timings,
    /// Artifacts in the store; nothing in the database names them yet.
    stored: Vec<Artifact>,
}

/// Runs one claimed attempt to whatever end it comes to, and writes that end.
pub(crate) async fn run(worker: Arc<Worker>, claim: Claim, shutdown: watch::Receiver<bool>) {
    let started = Instant::now();
    let lease = LeaseKeeper::start(
        worker.platform.clone(),
        claim.job.id,
        claim.attempt,
        shutdown,
    );
    tracing::info!(worker = %worker.name, "job claimed");
    let mut record = Record::default();
    let end = Box::pin(drive(&worker, &claim, &lease, &mut record)).await;
    let written = match end {
        Ok(()) => settle_completed(&worker, &claim, record).await,
        Err(stop) => settle_stopped(&worker, &claim, record, stop).await,
    };
    match written {
        Ok(end) => tracing::info!(end, ms = started.elapsed().as_millis(), "attempt over"),
        // The lease runs out, and the reaper gives the job to the next attempt.
        Err(error) => tracing::error!(%error, "the end of an attempt could not be written"),
    }
}

/// The straight way: stage, train, collect, attest.
async fn drive(
    worker: &Worker,
    claim: &Claim,
    lease: &LeaseKeeper,
    record: &mut Record,
) -> Result<(), Stop> {
    let platform = &worker.platform;
    let begun = Instant::now();
    let (staged, circumstances) =
        tokio::try_join!(stage(platform, claim), Circumstances::measure(worker))?;
    record.timings.fetch_ms = ms(begun.elapsed());
    lease.check()?;

    let begun = Instant::now();
    let parameters = &staged.request.parameters;
    let trained = train(
        platform,
        claim.job.id,
        claim.attempt,
        parameters,
        &staged,
        lease,
    )
    .await;
    record.timings.train_ms = ms(begun.elapsed());
    let trained = match trained {
        Err(stop @ Stop::Failed(_)) => {
            record.stored = keep_logs(platform, claim.job.unique_dir, &staged.room).await;
            return Err(stop);
        }
        trained => trained?,
    };

    let begun = Instant::now();
    let outputs = collect(
        platform,
        claim.job.unique_dir,
        &staged.room,
        &trained.done.outputs,
    )
    .await?;
    record.stored.extend(outputs);
    lease.check()?;
    let evidence = Evidence {
        claim,
        worker: &worker.name,
        circumstances: &circumstances,
        staged: &staged,
        trained: &trained,
        outputs: &record.stored,
    };
    let proof = attest(platform, evidence).await?;
    record.stored.extend(proof);
    record.timings.proof_ms = ms(begun.elapsed());
    metrics::histogram!("assay_proof_seconds").record(begun.elapsed().as_secs_f64());
    lease.check()
}

async fn settle_completed(
    worker: &Worker,
    claim: &Claim,
    record: Record,
) -> Result<&'static str, DbError> {
    let platform = &worker.platform;
    let completion = Completion {
        artifacts: record.stored,
        timings: record.timings,
    };
    let (id, attempt) = (claim.job.id, claim.attempt);
    let completed = retry(|| platform.db.complete(id, attempt, &completion)).await?;
    if completed {
        metrics::counter!("assay_jobs_completed_total").increment(1);
        return Ok("completed");
    }
    complete::discard(platform, &completion.artifacts).await;
    Ok("lost")
}

async fn settle_stopped(
    worker: &Worker,
    claim: &Claim,
    record: Record,
    stop: Stop,
) -> Result<&'static str, DbError> {
    let (db, id, attempt) = (&worker.platform.db, claim.job.id, claim.attempt);
    let (end, mut unnamed) = match stop {
        Stop::LeaseLost => ("lost", record.stored),
        Stop::Cancelled => {
            retry(|| db.cancelled(id, attempt)).await?;
            metrics::counter!("assay_jobs_cancelled_total").increment(1);
            ("cancelled", record.stored)
        }
        Stop::Stopping => {
            retry(|| db.release(id, attempt)).await?;
            ("released", record.stored)
        }
        Stop::Infrastructure(reason) if attempt < worker.platform.config.max_attempts => {
            tracing::warn!(
                reason,
                "the attempt could not be made; the job is queued again"
            );
            if retry(|| db.release(id, attempt)).await? {
                let after = Duration::from_millis(500 << attempt.min(6));
                ring_later(worker.platform.clone(), id, after);
            }
            ("released", record.stored)
        }
        Stop::Infrastructure(reason) => {
            let fault = Fault::trainer(
                "platform.infrastructure",
                format!("the platform could not run the job in {attempt} attempts: {reason}"),
            );
            let failure = Failure {
                fault,
                detail: None,
            };
            (
                fail(worker, claim, &failure, &[], &record.timings).await?,
                record.stored,
            )
        }
        Stop::Failed(failure) => {
            let logs = record.stored;
            let end = fail(worker, claim, &failure, &logs, &record.timings).await?;
            (end, if end == "failed" { Vec::new() } else { logs })
        }
    };
    complete::discard(&worker.platform, &std::mem::take(&mut unnamed)).await;
    Ok(end)
}

async fn fail(
    worker: &Worker,
    claim: &Claim,
    failure: &Failure,
    logs: &[Artifact],
    timings: &Timings,
) -> Result<&'static str, DbError> {
    let db = &worker.platform.db;
    tracing::info!(code = %failure.fault.code, reason = %failure.fault.message, "the job failed");
    let written = retry(|| db.fail(claim.job.id, claim.attempt, failure, logs, timings)).await?;
    if !written {
        return Ok("lost");
    }
    metrics::counter!("assay_jobs_failed_total").increment(1);
    Ok("failed")
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
