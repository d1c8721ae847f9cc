//! A job that reproduces another one: the same training by another worker, held against the proof while it runs. If all is
//! the same, this worker signs a `witness` link with its own key; otherwise it signs nothing, and the job fails with what
//! differs.
//!
//! It begins at the beginning, also after an attempt that broke off: what another worker computed is no witness's own.

mod compare;
mod recorded;

use std::time::Instant;

use assay_attest::{
    Digest, WITNESS, WITNESSED, hash_reader,
    intoto::{link_file_name, sign},
};
use assay_platform::{
    Platform,
    job::{Artifact, Claim, Role},
    sandbox::{CollectError, Room, collect_one},
};

use crate::{
    attempt::{Record, ms},
    attest::{Circumstances, Evidence, unsigned, witness_link},
    checkpoint,
    collect::Notes,
    lease::LeaseKeeper,
    phase::{Phase, enter},
    run_loop::Worker,
    stage::Staged,
    stop::Stop,
    trace::part,
    train::train,
};

pub(crate) use compare::Comparison;
pub(crate) use recorded::Recorded;

/// Trains again, compares, and signs.
pub(crate) async fn train_and_witness(
    worker: &Worker,
    claim: &Claim,
    lease: &LeaseKeeper,
    staged: &Staged,
    circumstances: &Circumstances,
    recorded: &Recorded,
    record: &mut Record,
) -> Result<(), Stop> {
    let platform = &worker.platform;
    let plan = checkpoint::none(claim, staged, &circumstances.program);
    let begun = Instant::now();
    enter(Phase::Train, claim.job.id);
    let mut comparison = Comparison::new(recorded, &circumstances.program);
    let held = Some(&mut comparison);
    let trained = train(
        worker,
        claim,
        staged,
        &plan,
        held,
        lease,
        &mut record.checkpoint,
    );
    let trained = Box::pin(part(tracing::debug_span!("train"), trained)).await;
    record.timings.train_ms = ms(begun);
    let (trained, reading) = trained?;

    let begun = Instant::now();
    comparison.end(trained.transcript.as_ref())?;
    let compared = outputs(&staged.room, recorded);
    lease
        .during(part(tracing::debug_span!("compare"), compared))
        .await?;
    let evidence = Evidence {
        claim,
        worker: &worker.signer,
        circumstances,
        staged,
        trained: &trained,
        reading: &reading,
        resumed: None,
        kept: None,
        outputs: &[],
        limits: &platform.config.sandbox.limits,
    };
    enter(Phase::Sign, claim.job.id);
    let vouched = vouch(platform, evidence, recorded, &mut record.stored);
    lease
        .during(part(tracing::debug_span!("attest"), vouched))
        .await?;
    record.timings.proof_ms = ms(begun);
    lease.check()
}

/// Holds what a witness vouches for against the proof, file by file.
async fn outputs(room: &Room, recorded: &Recorded) -> Result<(), Stop> {
    let (folder, products) = (room.output(), recorded.link.products.clone());
    let compare = move || {
        for name in WITNESSED {
            let entry = collect_one(&folder, name).map_err(|error| match error {
                CollectError::Io(error) => error.into(),
                refused => Stop::ours("trainer.outputs", refused.to_string()),
            })?;
            let Some(entry) = entry else {
                return Err(Stop::ours(
                    "trainer.outputs",
                    format!("the training left no {name}"),
                ));
            };
            let (here, _) = hash_reader(entry.file)?;
            let end = format!("/outputs/{name}");
            let named = products.iter().find(|(path, _)| path.ends_with(&end));
            if named.map(|(_, digest)| *digest) != Some(here) {
                return Err(differs(name, named.map(|(_, digest)| *digest), here));
            }
        }
        Ok(())
    };
    tokio::task::spawn_blocking(compare)
        .await
        .map_err(|error| Stop::Infrastructure(error.to_string()))?
}

fn differs(name: &str, recorded: Option<Digest>, here: Digest) -> Stop {
    let recorded = recorded.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
    Stop::ours(
        "reproduction.differs",
        format!("{name} has SHA-256 {here} here, {recorded} in the proof; nothing was signed"),
    )
}

/// Signs the link and stores it.
async fn vouch(
    platform: &Platform,
    evidence: Evidence<'_>,
    recorded: &Recorded,
    stored: &mut Vec<Artifact>,
) -> Result<(), Stop> {
    let key = platform.keys.worker()?.clone();
    let file = link_file_name(WITNESS, &key.keyid());
    let path = format!("{}/{file}", evidence.claim.job.unique_dir);
    let link = witness_link(evidence, recorded);
    let signed = platform.keys.signing(move || sign(&link, &key)).await?;
    let link = signed.map_err(|error| unsigned("the link", &error))?;
    enter(Phase::Upload, evidence.claim.job.id);
    let put = async {
        let stored = platform.store.put_proof(&link).await?;
        Ok(Artifact {
            path,
            role: Role::WitnessLink,
            digest: stored.digest,
            bytes: stored.bytes,
        })
    };
    Notes::new(stored).when(put).await?;
    Ok(())
}
