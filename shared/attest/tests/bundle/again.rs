//! What a bundle has for those who want to train again.

use assay_attest::{
    CHECKPOINTS, Digest, KeptCheckpoint, KeptCheckpoints, TRANSCRIPT, Transcript, checkpoint_path,
    verify::Outcome,
};

use super::{DIR, Files, Job, Keys, after, failed, output, verify};

/// A transcript that ends in the sample's weights.
fn transcript(job: &Job) -> Transcript {
    let weights = job.training.products[&output("model.safetensors")];
    Transcript::new(
        0,
        vec![Digest::of(b"before"), Digest::of(b"between"), weights],
    )
    .unwrap()
}

fn record(job: &mut Job, transcript: &Transcript) {
    let value = serde_json::to_value(transcript.record()).unwrap();
    job.training.byproducts.insert(TRANSCRIPT.into(), value);
}

#[test]
fn a_transcript_is_there_and_checked() {
    let keys = Keys::generate();
    let mut job = Job::sample(&keys);
    let whole = transcript(&job);
    job.training.byproducts.remove(TRANSCRIPT);
    let report = verify(&job.sign(&keys).unwrap(), &keys.trust().unwrap());
    assert_eq!(report.outcome("transcript"), Some(Outcome::Absent));
    assert!(!report.is_verified());

    let mut job = Job::sample(&keys);
    record(&mut job, &whole);
    let report = verify(&job.sign(&keys).unwrap(), &keys.trust().unwrap());
    assert_eq!(report.outcome("transcript"), Some(Outcome::Passed));
    assert!(report.is_verified());

    let other = after(|job| {
        let digests = vec![Digest::of(b"before"), Digest::of(b"another model")];
        record(job, &Transcript::new(0, digests).unwrap());
    });
    assert_eq!(other, ["transcript"]);
    let edited = after(|job| {
        let whole = transcript(job);
        record(job, &whole);
        let digests = &mut job.training.byproducts[TRANSCRIPT]["sha256"];
        digests[1] = Digest::of(b"x").to_string().into();
    });
    assert_eq!(edited, ["transcript"]);
    let strange = after(|job| {
        job.training.byproducts.insert(TRANSCRIPT.into(), 7.into());
    });
    assert_eq!(strange, ["transcript"]);
}

/// A bundle with one checkpoint, after the fourth epoch.
fn with_checkpoint(keys: &Keys) -> (Files, String) {
    let mut job = Job::sample(keys);
    let bytes = b"a checkpoint".to_vec();
    let kept = KeptCheckpoints {
        belongs_to: Digest::of(b"the job"),
        kept: vec![KeptCheckpoint {
            epoch: 4,
            sha256: Digest::of(&bytes),
            bytes: bytes.len() as u64,
        }],
    };
    let value = serde_json::to_value(kept).unwrap();
    job.training.byproducts.insert(CHECKPOINTS.into(), value);
    let mut files = job.sign(keys).unwrap();
    let path = checkpoint_path(DIR, 4);
    files.insert(path.clone(), bytes);
    (files, path)
}

#[test]
fn a_kept_checkpoint_belongs_to_the_bundle() {
    let keys = Keys::generate();
    let trust = keys.trust().unwrap();
    let (files, path) = with_checkpoint(&keys);
    let report = verify(&files, &trust);
    assert!(report.is_verified(), "{report:#?}");

    let mut changed = files.clone();
    changed.insert(path.clone(), b"another one".to_vec());
    assert_eq!(failed(&verify(&changed, &trust)), ["artifact-digest"]);
    let mut fewer = files.clone();
    fewer.remove(&path);
    assert!(!verify(&fewer, &trust).is_verified());
    let mut more = files;
    more.insert(checkpoint_path(DIR, 5), b"one more".to_vec());
    assert_eq!(failed(&verify(&more, &trust)), ["bundle-files"]);

    let twice = after(|job| {
        let one = serde_json::json!({"epoch": 4, "sha256": Digest::of(b"x"), "bytes": 1});
        let value = serde_json::json!({"belongs-to": Digest::of(b"y"), "kept": [one.clone(), one]});
        job.training.byproducts.insert(CHECKPOINTS.into(), value);
    });
    assert_eq!(twice, ["artifact-digest"]);
}
