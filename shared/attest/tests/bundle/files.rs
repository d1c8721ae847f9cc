//! Files that are changed, missing, added, or of another job.

use super::*;

#[test]
fn an_untouched_bundle_is_verified() {
    let (keys, files) = good();
    let report = verify(&files, &keys.trust().unwrap());
    assert!(report.is_verified(), "{report:#?}");
    assert_eq!(report.checks.len(), 38);
}

#[test]
fn a_flip_of_any_byte_is_refused() {
    let (keys, files) = good();
    let trust = keys.trust().unwrap();
    for path in files.keys() {
        // Every byte of the small files, a sample of the large ones that meets every bit of both flips.
        let step = match files[path].len() {
            0..=500 => 1,
            501..=20_000 => 23,
            _ => 97,
        };
        for at in (0..files[path].len()).step_by(step) {
            let mut changed = files.clone();
            // The bits that turn digits into digits, and letters into the other case.
            changed.get_mut(path).unwrap()[at] ^= if at % 2 == 0 { 0x01 } else { 0x20 };
            let report = verify(&changed, &trust);
            assert!(report.has_failed(), "byte {at} of {path}");
        }
    }
}

#[test]
fn a_missing_or_added_file_is_refused() {
    let (keys, files) = good();
    let trust = keys.trust().unwrap();
    for path in files.keys() {
        let mut fewer = files.clone();
        fewer.remove(path);
        let report = verify(&fewer, &trust);
        assert!(!report.is_verified(), "{path}");
        assert!(
            !report.has_failed() || path == "layout.json" || path.ends_with(".link"),
            "{path}: {report:#?}"
        );
    }
    for path in [
        "other",
        "job-0001/outputs/other",
        "../x",
        "run_training.00000000.link",
        "sub/layout.json",
    ] {
        let mut more = files.clone();
        more.insert(path.into(), b"{}".to_vec());
        assert!(verify(&more, &trust).has_failed(), "{path}");
    }
}

#[test]
fn proof_of_another_job_is_refused() {
    let (keys, mut files) = good();
    let mut other = Job::sample(&keys);
    let path = output("trained_model.keras");
    other
        .training
        .products
        .insert(path.clone(), Digest::of(b"another model"));
    other
        .artifacts
        .insert(path.clone(), b"another model".to_vec());
    other
        .facts
        .artifacts
        .iter_mut()
        .find(|one| one.path == path)
        .unwrap()
        .sha256 = Digest::of(b"another model");
    let other = other.sign(&keys).unwrap();
    let trust = keys.trust().unwrap();
    assert!(verify(&other, &trust).is_verified());

    let link = link_file_name(RUN_TRAINING, &keys.worker.keyid());
    files.insert(link.clone(), other[&link].clone());
    assert_eq!(
        failed(&verify(&files, &trust)),
        [
            "aibom-links",
            "aibom-artifacts",
            "model-signature",
            "provenance",
            "aibom-statement",
            "model-statement",
            "artifact-digest"
        ]
    );
    files.insert(path.clone(), other[&path].clone());
    assert_eq!(
        failed(&verify(&files, &trust)),
        [
            "aibom-links",
            "aibom-artifacts",
            "model-signature",
            "provenance",
            "aibom-statement",
            "model-statement"
        ]
    );
}
