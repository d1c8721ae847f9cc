use assay_attest::{
    CHECKPOINTS, RUN_TRAINING, TRANSCRIPT,
    intoto::{Artifacts, Link},
    training_command,
};
use assay_platform::{
    job::Artifact,
    sandbox::{Isolation, Usage},
};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Evidence;
use crate::{environment::Measured, image::Image, witness::Recorded};

/// The `run_training` link: the inputs as measured on the way into the room, the outputs as measured on the way out.
///
/// Byproducts follow in-toto's convention (`stdout`, `stderr`, `return-value`): `stdout` is the last lines for people
/// among the events that the trainer printed, `stderr` the end of what it wrote there. `resumed-from` stands there when
/// the run went on from a checkpoint of an earlier attempt: it is no material, for the result does not depend on it.
/// `transcript` has the weights' digests epoch by epoch, `checkpoints` what lies in the bundle to begin at.
pub(crate) fn training_link(evidence: Evidence<'_>) -> Link {
    let trained = evidence.trained;
    let mut link = Link::new(RUN_TRAINING, training_command());
    link.materials = artifacts(&evidence.staged.materials);
    let image = evidence.circumstances.image.as_ref();
    link.materials.extend(image.and_then(Image::material));
    link.products = artifacts(evidence.outputs);
    link.byproducts = object(json!({
        "stdout": trained.log_tail,
        "stderr": trained.finished.stderr_tail,
        "return-value": 0,
        "events": trained.events,
        "lines-not-understood": trained.finished.garbage_lines,
    }));
    if let Some(from) = evidence.resumed {
        link.byproducts.insert(
            "resumed-from".to_owned(),
            json!({
                "epoch": from.epoch,
                "sha256": from.digest.to_string(),
                "attempt": from.attempt,
                "worker-keyid": from.worker_keyid,
            }),
        );
    }
    if let Some(transcript) = &trained.transcript {
        let record = json!(transcript.record());
        link.byproducts.insert(TRANSCRIPT.to_owned(), record);
    }
    if let Some(kept) = evidence.kept {
        link.byproducts.insert(CHECKPOINTS.to_owned(), json!(kept));
    }
    link.environment = environment(evidence, run(evidence));
    link
}

/// The `witness` link of a worker whose training gave what the recorded link says: that link's inputs and the outputs that
/// repeat byte for byte, and the circumstances here. It is of the recorded job, and names its own beside it.
pub(crate) fn witness_link(evidence: Evidence<'_>, recorded: &Recorded) -> Link {
    let mut link = assay_attest::witness_link(&recorded.link);
    link.byproducts = object(json!({ "return-value": 0 }));
    let mut job = run(evidence);
    job["reproduction"] = std::mem::replace(&mut job["id"], json!(recorded.job));
    link.environment = environment(evidence, job);
    link
}

fn environment(evidence: Evidence<'_>, job: Value) -> Map<String, Value> {
    let trained = evidence.trained;
    object(json!({
        "job": job,
        "trainer": trainer(evidence),
        "isolation": isolation(&trained.finished.isolation),
        "usage": usage(&trained.finished.usage),
        "machine": facts(&evidence.circumstances.machine),
        "counters": facts(&evidence.reading.facts()),
        "limits": evidence.limits,
    }))
}

fn facts(facts: &[(String, Measured)]) -> Value {
    let facts = facts.iter();
    facts
        .map(|(name, value)| (name.clone(), value.to_json()))
        .collect::<Map<_, _>>()
        .into()
}

fn artifacts(artifacts: &[Artifact]) -> Artifacts {
    artifacts
        .iter()
        .map(|artifact| (artifact.path.clone(), artifact.digest))
        .collect()
}

fn run(evidence: Evidence<'_>) -> Value {
    let claim = evidence.claim;
    json!({
        "id": claim.job.id.to_string(),
        "attempt": claim.attempt,
        "worker": evidence.worker,
        "started-at": time_text(evidence.trained.started_at),
        "finished-at": time_text(evidence.trained.finished_at),
    })
}

fn trainer(evidence: Evidence<'_>) -> Value {
    let trainer = &evidence.trained.started.trainer;
    json!({
        "name": trainer.name,
        "version": trainer.version,
        "candle-version": trainer.candle,
        "arithmetic": trainer.arithmetic,
        "threads": trainer.threads,
        "program-sha256": evidence.circumstances.program.to_json(),
    })
}

fn time_text(at: OffsetDateTime) -> Value {
    match at.format(&Rfc3339) {
        Ok(text) => json!(text),
        Err(error) => json!({ "unknown": error.to_string() }),
    }
}

fn isolation(isolation: &Isolation) -> Value {
    let held: Map<_, _> = isolation
        .held
        .iter()
        .map(|held| (held.mechanism.to_string(), json!(held.detail)))
        .collect();
    let missing: Map<_, _> = isolation
        .missing
        .iter()
        .map(|missing| (missing.mechanism.to_string(), json!(missing.reason)))
        .collect();
    let mut all = json!({ "sandbox": isolation.sandbox, "held": held, "missing": missing });
    if let Some(container) = &isolation.container {
        all["container"] = json!({
            "id": container.id,
            "image": container.image,
            "image-digest": container.image_digest,
            "repository-digest": container.repository_digest,
            "engine": container.engine,
        });
    }
    all
}

/// Whole milliseconds and bytes: a link carries no fractions.
fn usage(usage: &Usage) -> Value {
    let unknown = |reason: &str| json!({ "unknown": reason });
    let cpu = |time: Option<std::time::Duration>| match time {
        Some(time) => json!(whole_ms(time)),
        None => unknown("the processor time of the process could not be read"),
    };
    json!({
        "wall-ms": whole_ms(usage.wall),
        "cpu-user-ms": cpu(usage.cpu_user),
        "cpu-system-ms": cpu(usage.cpu_system),
        "peak-memory-bytes": match usage.max_rss_bytes {
            Some(bytes) => json!(bytes),
            None => unknown("the run was too short for its memory to be seen"),
        },
    })
}

fn whole_ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}
