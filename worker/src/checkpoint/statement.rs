use assay_attest::{Digest, PublicKey, RUN_TRAINING, Trust, json::jcs};
use assay_platform::{checkpoint::Checkpoint, job::Artifact};
use serde_json::json;

use crate::{environment::Measured, stage::Staged};

/// What a training is of: the job, its inputs as the `ingest` link has them, and the program that trains. A checkpoint
/// of anything else would not give the bytes of an uninterrupted run.
pub(super) fn belongs_to(job: &str, staged: &Staged, program: &Measured) -> Digest {
    let digests = |artifacts: &[Artifact]| -> Vec<_> {
        artifacts
            .iter()
            .map(|artifact| json!([artifact.path, artifact.digest.to_string()]))
            .collect()
    };
    Digest::of(&jcs(&json!({
        "type": "assay-training/1",
        "job": job,
        "inputs": digests(&staged.materials),
        "program": program.to_json(),
    })))
}

/// The bytes that a worker signs.
pub(super) fn statement(checkpoint: &Checkpoint, belongs_to: Digest) -> Vec<u8> {
    jcs(&json!({
        "type": "assay-checkpoint/1",
        "job": checkpoint.job.to_string(),
        "attempt": checkpoint.attempt,
        "epoch": checkpoint.epoch,
        "sha256": checkpoint.digest.to_string(),
        "bytes": checkpoint.bytes,
        "belongs-to": belongs_to.to_string(),
        "worker-keyid": checkpoint.worker_keyid,
    }))
}

/// Checks the signature: it must be by a key that the layout in force lets train. The error is a clause for people.
pub(super) fn check(
    checkpoint: &Checkpoint,
    belongs_to: Digest,
    trust: &Trust,
) -> Result<(), String> {
    let key = trust.functionaries.iter().find(|functionary| {
        functionary.steps.iter().any(|step| step == RUN_TRAINING)
            && functionary.key.keyid().to_string() == checkpoint.worker_keyid
    });
    let key: &PublicKey = match key {
        Some(functionary) => &functionary.key,
        None => {
            return Err(format!(
                "it names the key {}, which is no worker's in the layout in force",
                checkpoint.worker_keyid
            ));
        }
    };
    trust
        .check_key(key.keyid(), None)
        .map_err(|refusal| refusal.to_string())?;
    key.verify_hex(&statement(checkpoint, belongs_to), &checkpoint.signature)
        .map_err(|error| {
            format!(
                "its signature does not hold, or it is of other inputs or another program: {error}"
            )
        })
}
