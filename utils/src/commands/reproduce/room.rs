use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context, bail};
use assay_attest::{Digest, checkpoint_path, hash_reader};
use assay_platform::{Config, sandbox::Room};
use assay_protocol::{CheckpointRule, JobRequest, Parameters, room};

use super::{Segment, proof::Proof};

/// Puts a proof's inputs from the bundle into the room, each with the digest that the link has for it; gives the
/// parameters.
pub(super) fn fill(
    room: &Room,
    dir: &Path,
    proof: &Proof,
    config: &Config,
    segment: Option<Segment>,
) -> anyhow::Result<Parameters> {
    for (name, path, digest) in &proof.inputs {
        add(room, name, &dir.join(path), *digest)?;
    }
    let limits = serde_json::to_vec(&config.data_limits)?;
    room.add_input_bytes(room::LIMITS, &limits)?;
    let request = fs::read(room.input().join(room::PARAMETERS))?;
    let request: JobRequest = serde_json::from_slice(&request)
        .context("parameters.json asks for something that this version does not know")?;
    let parameters = request.parameters;
    if let Some(segment) = segment {
        begin_at(room, dir, proof, &parameters, segment)?;
    }
    Ok(parameters)
}

/// What is compared is what is trained: the digest is of the room's own file.
fn add(room: &Room, name: &str, source: &Path, digest: Digest) -> anyhow::Result<()> {
    room.add_input(name, source)
        .with_context(|| format!("cannot read {}", source.display()))?;
    let (found, _) = hash_reader(File::open(room.input().join(name))?)?;
    if found != digest {
        bail!("{} changed after it had been verified", source.display());
    }
    Ok(())
}

/// Lets the trainer begin where a segment does.
fn begin_at(
    room: &Room,
    dir: &Path,
    proof: &Proof,
    parameters: &Parameters,
    segment: Segment,
) -> anyhow::Result<()> {
    let Segment { from, to } = segment;
    let (first, last) = (parameters.initial_epoch, parameters.epochs);
    if from < first || to > last {
        bail!("the training has the epochs {first}..{last}; {from}..{to} is not within");
    }
    let listed = proof.transcript.as_ref().filter(|t| t.sha256.is_some());
    if listed.is_none() {
        bail!("the proof does not list the weights' digests, so a part of it cannot be compared");
    }
    if from == first {
        return Ok(());
    }
    let kept = proof.kept.as_ref();
    let Some((kept, checkpoint)) = kept.and_then(|kept| Some((kept, kept.after(from)?))) else {
        let epochs = kept.map(|kept| kept.kept.iter().map(|one| one.epoch.to_string()));
        let epochs = epochs.map(|epochs| epochs.collect::<Vec<_>>().join(", "));
        bail!(
            "the bundle has no checkpoint after epoch {from}, only after: {}; a part can begin there or at {first}",
            epochs.unwrap_or_else(|| "none".to_owned())
        );
    };
    let rule = CheckpointRule {
        every_epochs: 0,
        min_seconds: 0,
        max_bytes: 0,
        belongs_to: kept.belongs_to.to_string(),
        keep: 0,
    };
    room.add_input_bytes(room::CHECKPOINT_RULE, &serde_json::to_vec(&rule)?)?;
    let path = dir.join(checkpoint_path(&proof.unique_dir, from));
    add(room, room::CHECKPOINT, &path, checkpoint.sha256)
}
