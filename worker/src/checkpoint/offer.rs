use std::{io, path::Path};

use assay_attest::{Digest, KeptCheckpoint, KeptCheckpoints};
use assay_platform::{
    Platform,
    checkpoint::Checkpoint,
    ids::JobId,
    job::{Artifact, Claim, JobEvent},
    keys::{KeyError, Keys},
    store::StoreError,
};
use assay_protocol::{CheckpointRule, Event, LogLevel, room};

use super::statement::{belongs_to, check, statement};
use crate::{environment::Measured, stage::Staged, stop::Stop};

/// A checkpoint that lies in the room, its signature and digest checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offered {
    /// The last epoch that is in it, counted from 1.
    pub(crate) epoch: u32,
    pub(crate) digest: Digest,
    /// The attempt that trained so far.
    pub(crate) attempt: u32,
    /// The key id of the worker that signed it.
    pub(crate) worker_keyid: String,
}

/// What an attempt does about checkpoints.
#[derive(Debug)]
pub(crate) struct Plan {
    job: JobId,
    attempt: u32,
    belongs_to: Digest,
    pub(super) max_bytes: u64,
    /// What the trainer may go on from.
    pub(crate) offered: Option<Offered>,
    /// The object that the job's row names now: older than any that this attempt writes.
    pub(super) known: Option<Digest>,
}

impl Plan {
    /// A row for a checkpoint that this attempt has stored, signed.
    pub(super) async fn signed(
        &self,
        epoch: u32,
        digest: Digest,
        bytes: u64,
        keys: &Keys,
    ) -> Result<Checkpoint, KeyError> {
        let key = keys.worker()?.clone();
        let mut checkpoint = Checkpoint {
            job: self.job,
            attempt: self.attempt,
            epoch,
            digest,
            bytes,
            worker_keyid: key.keyid().to_string(),
            signature: String::new(),
        };
        let statement = statement(&checkpoint, self.belongs_to);
        let sign = move || key.sign_hex(&statement);
        checkpoint.signature = keys.signing(sign).await??;
        Ok(checkpoint)
    }

    /// What the link says of the checkpoints that the training left to be kept; `None` when there are none.
    pub(crate) fn kept(&self, left: &[(u32, Artifact)]) -> Option<KeptCheckpoints> {
        let kept = left.iter().map(|(epoch, artifact)| KeptCheckpoint {
            epoch: *epoch,
            sha256: artifact.digest,
            bytes: artifact.bytes,
        });
        (!left.is_empty()).then(|| KeptCheckpoints {
            belongs_to: self.belongs_to,
            kept: kept.collect(),
        })
    }
}

/// A training that writes no checkpoints and goes on from none.
pub(crate) fn none(claim: &Claim, staged: &Staged, program: &Measured) -> Plan {
    Plan {
        job: claim.job.id,
        attempt: claim.attempt,
        belongs_to: belongs_to(&claim.job.id.to_string(), staged, program),
        max_bytes: 0,
        offered: None,
        known: None,
    }
}

/// Tells the trainer when to write checkpoints, and puts the newest one of an earlier attempt into the room if it can
/// be trusted. One that cannot is said in the log and in the job's events; training begins anew then.
pub(crate) async fn plan(
    platform: &Platform,
    claim: &Claim,
    staged: &Staged,
    program: &Measured,
) -> Result<Plan, Stop> {
    let config = &platform.config.checkpoints;
    let belongs_to = belongs_to(&claim.job.id.to_string(), staged, program);
    let rule = CheckpointRule {
        every_epochs: config.every_epochs,
        min_seconds: config.min_seconds,
        max_bytes: config
            .max_bytes
            .min(platform.config.sandbox.limits.output_bytes / (4 + u64::from(config.keep))),
        belongs_to: belongs_to.to_string(),
        keep: config.keep,
    };
    let text = serde_json::to_vec(&rule).map_err(|e| Stop::Infrastructure(e.to_string()))?;
    staged.room.add_input_bytes(room::CHECKPOINT_RULE, &text)?;
    let mut plan = Plan {
        job: claim.job.id,
        attempt: claim.attempt,
        belongs_to,
        max_bytes: rule.max_bytes,
        offered: None,
        known: None,
    };
    if claim.attempt < 2 {
        return Ok(plan);
    }
    let Some(found) = platform.db.checkpoint(claim.job.id).await? else {
        return Ok(plan);
    };
    plan.known = Some(found.digest);
    match offer(platform, staged, &plan, &found).await? {
        Ok(()) => {
            tracing::info!(
                epoch = found.epoch,
                "the training can go on from a checkpoint"
            );
            plan.offered = Some(Offered {
                epoch: found.epoch,
                digest: found.digest,
                attempt: found.attempt,
                worker_keyid: found.worker_keyid,
            });
        }
        Err(reason) => say_ignored(platform, claim, found.epoch, &reason).await,
    }
    Ok(plan)
}

/// Puts a checkpoint into the room; the inner error says why it is not to be trusted.
async fn offer(
    platform: &Platform,
    staged: &Staged,
    plan: &Plan,
    found: &Checkpoint,
) -> Result<Result<(), String>, Stop> {
    let parameters = &staged.request.parameters;
    let of_this_job = found.job == plan.job
        && found.attempt < plan.attempt
        && (parameters.initial_epoch + 1..=parameters.epochs).contains(&found.epoch);
    if !of_this_job {
        return Ok(Err("it is not of an earlier attempt of this job".to_owned()));
    }
    if found.bytes > plan.max_bytes {
        return Ok(Err(format!("it has {} bytes, too many", found.bytes)));
    }
    if let Err(reason) = check(found, plan.belongs_to, platform.keys.trust()) {
        return Ok(Err(reason));
    }
    let to = staged.room.input().join(room::CHECKPOINT);
    let reason = match place(platform, found, &to).await {
        Ok(()) => return Ok(Ok(())),
        Err(reason) => reason,
    };
    match tokio::fs::remove_file(&to).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(Err(reason)),
    }
}

/// Places the object at `to` if it is what was signed. Whatever keeps it from being had is a reason to begin anew: the
/// inputs were had from the same store a moment ago. Its size is looked at first, since whoever can write to the store
/// could otherwise fill this machine's disk.
async fn place(platform: &Platform, found: &Checkpoint, to: &Path) -> Result<(), String> {
    let said = |error: StoreError| error.to_string();
    let (reader, bytes) = platform
        .store
        .open(found.digest, None)
        .await
        .map_err(said)?;
    drop(reader);
    if bytes != found.bytes {
        return Err(format!(
            "the stored object has {bytes} bytes, and {} were signed",
            found.bytes
        ));
    }
    let stored = platform.store.fetch(found.digest, to).await.map_err(said)?;
    if stored.digest == found.digest && stored.bytes == found.bytes {
        Ok(())
    } else {
        Err("the stored bytes are not those that were signed".to_owned())
    }
}

async fn say_ignored(platform: &Platform, claim: &Claim, epoch: u32, reason: &str) {
    tracing::warn!(
        epoch,
        reason,
        "a checkpoint is ignored; the training begins anew"
    );
    let message = format!(
        "the checkpoint after epoch {epoch} is ignored, and the training begins anew: {reason}"
    );
    let event = Event::Log {
        level: LogLevel::Warning,
        message,
    };
    let event = JobEvent::Trainer { event };
    let logged = platform.db.log(claim.job.id, claim.attempt, &[event]).await;
    if let Err(error) = logged {
        tracing::warn!(%error, "an event could not be written to the log");
    }
}
