use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use anyhow::{Context, bail};
use assay_attest::{Digest, WITNESSED, hash_reader};
use assay_platform::sandbox::{Room, collect_one};
use assay_protocol::room;

use super::{
    Segment,
    proof::Proof,
    train::Run,
    verdict::{Outcome, Sides, Verdict},
    weights::distance,
};

/// The outputs that the same training gives again, byte for byte; the log has times in it.
const REPEATED: [&str; 5] = [
    room::WEIGHTS,
    room::ARCHITECTURE,
    room::METRICS,
    room::PREPROCESSING,
    room::TRAINED_MODEL,
];

/// Compares what came out with what the proof says.
pub(super) fn judge(
    dir: &Path,
    proof: &Proof,
    room: &Room,
    run: &Run,
    segment: Option<Segment>,
) -> anyhow::Result<Verdict> {
    let comparison = &run.comparison;
    let recorded = proof.output(room::WEIGHTS);
    let (path, weights) = recorded.context("the proof names no model.safetensors")?;
    let outputs = if run.done {
        outputs(proof, room)?
    } else {
        BTreeMap::new()
    };
    let here = outputs.get(room::WEIGHTS).map(|(digest, _)| *digest);
    let mut verdict = Verdict {
        reproduced: Outcome::Different,
        segment: segment.map(|one| [one.from, one.to]),
        epochs_equal: comparison.equal,
        first_differing_epoch: comparison.differs,
        transcript: proof.transcript.is_some(),
        arithmetic: Sides {
            recorded: Some(proof.arithmetic.clone()),
            here: comparison.here.clone(),
        },
        program_sha256: Sides {
            recorded: proof.program.clone(),
            here: Some(this_program()?),
        },
        model_sha256: Sides {
            recorded: Some(weights.to_string()),
            here: here.map(|digest| digest.to_string()),
        },
        largest_difference: None,
        outputs: outputs
            .iter()
            .map(|(name, (_, same))| (*name, *same))
            .collect(),
    };
    let on_the_way = comparison.differs.is_none();
    if segment.is_some() {
        if on_the_way && run.stopped {
            verdict.reproduced = Outcome::Identical;
        }
    } else if on_the_way && here == Some(weights) && comparison.same_head() != Some(false) {
        // What a witness would vouch for, where the arithmetic leaves no room.
        let same = |name: &&str| outputs.get(*name).is_some_and(|(_, same)| *same);
        if !comparison.must_be_equal() || WITNESSED.iter().all(same) {
            verdict.reproduced = Outcome::Identical;
        }
    } else if here.is_some() && !comparison.must_be_equal() {
        let recorded = read(File::open(dir.join(path))?, weights)?;
        let new = collect_one(&room.output(), room::WEIGHTS)?.context("the weights are gone")?;
        let new = read(new.file, here.unwrap_or(weights))?;
        let distance = distance(&recorded, &new).map_err(anyhow::Error::msg)?;
        verdict.largest_difference = Some(distance.largest);
        if distance.beyond == 0 {
            verdict.reproduced = Outcome::WithinTolerance;
        }
    }
    Ok(verdict)
}

/// Digest of each output that ought to be the same, and whether it is.
fn outputs(proof: &Proof, room: &Room) -> anyhow::Result<BTreeMap<&'static str, (Digest, bool)>> {
    let mut found = BTreeMap::new();
    for name in REPEATED {
        let entry = collect_one(&room.output(), name)?;
        let entry = entry.with_context(|| format!("the training left no {name}"))?;
        let (digest, _) = hash_reader(entry.file)?;
        let recorded = proof.output(name).map(|(_, digest)| digest);
        found.insert(name, (digest, recorded == Some(digest)));
    }
    Ok(found)
}

/// All of a file, which must still have this digest.
fn read(mut file: File, digest: Digest) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    if Digest::of(&bytes) != digest {
        bail!("the weights changed while they were compared");
    }
    Ok(bytes)
}

/// SHA-256 of the program that runs, which is the trainer, too.
fn this_program() -> anyhow::Result<String> {
    let file = File::open("/proc/self/exe").context("the program itself cannot be read")?;
    Ok(hash_reader(file)?.0.to_string())
}
