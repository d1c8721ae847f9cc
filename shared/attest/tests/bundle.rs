//! A whole bundle, and everything that can be done to it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../examples/bundle/sample.rs"]
mod sample;

use std::collections::BTreeMap;

use assay_attest::{
    Digest, IMAGE_PATH, RUN_TRAINING, Role, SCAN_IMAGE, SCAN_REPORTS, SigningKey, Trust,
    aibom::ScanFacts,
    intoto::{self, Link, link_file_name},
    json::jcs,
    verify::{Outcome, Report, verify_bundle},
};
use sample::{DIR, Job, Keys, now};
use serde_json::Value;

type Files = BTreeMap<String, Vec<u8>>;

fn verify(files: &Files, trust: &Trust) -> Report {
    let paths = files.keys().cloned().collect();
    verify_bundle(
        &paths,
        |path| Ok(files.get(path).unwrap().as_slice()),
        trust,
        now(),
    )
}

fn good() -> (Keys, Files) {
    let keys = Keys::generate();
    let files = Job::sample(&keys).sign(&keys).unwrap();
    (keys, files)
}

/// The checks that did not pass in a job changed before it was signed, by name.
fn after(change: impl FnOnce(&mut Job)) -> Vec<String> {
    let keys = Keys::generate();
    let mut job = Job::sample(&keys);
    change(&mut job);
    let files = job.sign(&keys).unwrap();
    failed(&verify(&files, &keys.trust().unwrap()))
}

fn failed(report: &Report) -> Vec<String> {
    let failed = report
        .not_passed()
        .filter(|check| check.outcome == Outcome::Failed);
    failed.map(|check| check.name.clone()).collect()
}

fn output(name: &str) -> String {
    Role::Output.path(DIR, name).unwrap()
}

#[test]
fn an_untouched_bundle_is_verified() {
    let (keys, files) = good();
    let report = verify(&files, &keys.trust().unwrap());
    assert!(report.is_verified(), "{report:#?}");
    assert_eq!(report.checks.len(), 26);
}

#[test]
fn a_flip_of_any_byte_is_refused() {
    let (keys, files) = good();
    let trust = keys.trust().unwrap();
    for path in files.keys() {
        // Every byte of the small files, a sample of the large ones that meets every bit of both flips.
        let step = if files[path].len() > 500 { 23 } else { 1 };
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
            "artifact-digest"
        ]
    );
    files.insert(path.clone(), other[&path].clone());
    assert_eq!(
        failed(&verify(&files, &trust)),
        ["aibom-links", "aibom-artifacts", "model-signature"]
    );
}

#[test]
fn only_pinned_keys_count() {
    let (keys, files) = good();
    let stranger = Keys::generate();
    let mut trust = keys.trust().unwrap();
    trust.owner = stranger.owner.public().clone();
    assert_eq!(failed(&verify(&files, &trust)), ["layout-signature"]);
    let mut trust = keys.trust().unwrap();
    trust.platform = stranger.platform.public().clone();
    assert_eq!(
        failed(&verify(&files, &trust)),
        ["aibom-detached-signature", "aibom-signature"]
    );
    // A bundle that is consistent in itself, signed by strangers throughout.
    let forged = Job::sample(&stranger).sign(&stranger).unwrap();
    assert!(verify(&forged, &keys.trust().unwrap()).has_failed());
}

#[test]
fn a_link_by_one_who_is_no_functionary_is_refused() {
    let keys = Keys::generate();
    for signer in [&keys.api, &keys.platform, &SigningKey::generate()] {
        let job = Job::sample(&keys);
        let bytes = intoto::sign(&job.training, signer).unwrap();
        let mut files = job.sign(&keys).unwrap();
        files.remove(&link_file_name(RUN_TRAINING, &keys.worker.keyid()));
        files.insert(link_file_name(RUN_TRAINING, &signer.keyid()), bytes);
        let failed = failed(&verify(&files, &keys.trust().unwrap()));
        assert!(failed.contains(&"link-signature".to_owned()), "{failed:?}");
    }
}

#[test]
fn rules_bind_inputs_and_outputs() {
    let input = Role::Dataset.path(DIR, "Wein é.csv").unwrap();
    let rules = "artifact-rules".to_owned();
    // Trained from other data than was taken in.
    assert!(
        after(|job| {
            job.training
                .materials
                .insert(input.clone(), Digest::of(b"x"));
        })
        .contains(&rules)
    );
    // Trained without data that was taken in; with data that was not.
    assert!(
        after(|job| {
            job.training.materials.remove(&input);
        })
        .contains(&rules)
    );
    let more = Role::Dataset.path(DIR, "more.csv").unwrap();
    assert!(
        after(|job| {
            job.training.materials.insert(more, Digest::of(b"x"));
        })
        .contains(&rules)
    );
    // Ingest made from something; a product under another name; a product that was a material.
    assert!(
        after(|job| {
            job.ingest.materials.insert(input.clone(), Digest::of(b"x"));
        })
        .contains(&rules)
    );
    let renamed = format!("{DIR}/outputs/evil.keras");
    assert!(
        after(|job| {
            job.training.products.insert(renamed, Digest::of(b"x"));
        })
        .contains(&rules)
    );
    assert!(
        after(|job| {
            job.training.products.insert(input, Digest::of(b"x"));
        })
        .contains(&rules)
    );
}

#[test]
fn what_rules_cannot_say_is_checked_too() {
    let paths = "artifact-paths".to_owned();
    assert!(
        after(|job| {
            job.training.products.remove(&output("metrics.json"));
        })
        .contains(&paths)
    );
    let elsewhere = "job-0002/outputs/metrics.json".to_owned();
    let moved = after(|job| {
        let digest = job
            .training
            .products
            .remove(&output("metrics.json"))
            .unwrap();
        job.training.products.insert(elsewhere, digest);
    });
    assert!(moved.contains(&paths));
    let command = after(|job| job.training.command = vec!["rm".into(), "-rf".into(), "/".into()]);
    assert_eq!(command, ["link-command"]);
    let expired = after(|job| job.layout.expires = now());
    assert_eq!(expired, ["layout-expiry"]);
}

fn after_scan(change: impl FnOnce(&mut Job)) -> Vec<String> {
    let keys = Keys::generate();
    let mut job = Job::scanned(&keys);
    change(&mut job);
    let files = job.sign(&keys).unwrap();
    failed(&verify(&files, &keys.trust().unwrap()))
}

#[test]
fn a_bundle_of_a_scanned_image_is_verified() {
    let keys = Keys::generate();
    let files = Job::scanned(&keys).sign(&keys).unwrap();
    let trust = keys.trust().unwrap();
    let report = verify(&files, &trust);
    assert!(report.is_verified(), "{report:#?}");
    let scan = link_file_name(SCAN_IMAGE, &keys.scanner.keyid());
    for missing in [&scan, "layout.json"] {
        let mut fewer = files.clone();
        fewer.remove(missing).unwrap();
        assert!(!verify(&fewer, &trust).is_verified(), "{missing}");
    }
    // A plain bundle does not become one of a scanned image by the link alone, nor the other way round.
    let mut plain = Job::sample(&keys).sign(&keys).unwrap();
    plain.insert(scan.clone(), files[&scan].clone());
    assert!(verify(&plain, &trust).has_failed());
    let mut swapped = files;
    swapped.insert(
        "layout.json".into(),
        intoto::sign(&keys.layout(), &keys.owner).unwrap(),
    );
    assert!(verify(&swapped, &trust).has_failed());
}

#[test]
fn the_scan_must_be_of_the_image_that_trained() {
    let rules = "artifact-rules".to_owned();
    let other = || Digest::of(b"another image");
    // Another image was scanned; no image was named on one side, or on either; a report is missing or one is more.
    for change in [
        (|job: &mut Job| {
            let scan = job.scan.as_mut().unwrap();
            scan.materials.insert(IMAGE_PATH.into(), Digest::of(b"x"));
        }) as fn(&mut Job),
        |job| {
            job.training.materials.remove(IMAGE_PATH);
        },
        |job| {
            job.scan.as_mut().unwrap().materials.clear();
        },
        |job| {
            job.training.materials.remove(IMAGE_PATH);
            job.scan.as_mut().unwrap().materials.clear();
        },
        |job| {
            let scan = job.scan.as_mut().unwrap();
            scan.products.remove(SCAN_REPORTS[0]);
        },
        |job| {
            let scan = job.scan.as_mut().unwrap();
            scan.products.insert("scan/more".into(), Digest::of(b"x"));
        },
    ] {
        assert!(after_scan(change).contains(&rules));
    }
    let renamed = after_scan(|job| job.facts.image.as_mut().unwrap().id = other());
    assert_eq!(renamed, ["aibom-scan"]);
    let hidden = after_scan(|job| {
        let image = job.facts.image.as_mut().unwrap();
        image.scan = ScanFacts::Unknown { reason: "-".into() };
    });
    assert_eq!(hidden, ["aibom-scan"]);
}

#[test]
fn an_aibom_that_says_something_else_than_the_link_is_refused() {
    assert_eq!(
        after(|job| job.facts.artifacts[0].sha256 = Digest::of(b"x")),
        ["aibom-artifacts"]
    );
    assert_eq!(
        after(|job| job.facts.request["parameters"]["batch_size"] = 500.into()),
        ["aibom-parameters"]
    );
    assert_eq!(
        after(|job| job.facts.request["metadata"]["author"] = Value::Null),
        ["aibom-parameters"]
    );
}

#[test]
fn edited_aiboms_are_refused_even_when_canonical() {
    let (keys, files) = good();
    let trust = keys.trust().unwrap();
    let bom: Value = serde_json::from_slice(&files["aibom.json"]).unwrap();
    for edit in [
        ("/metadata/timestamp", "2020-01-01T00:00:00Z"),
        ("/metadata/tools", "[]"),
        ("/annotations", "Certified"),
        (
            "/components/0/modelCard/quantitativeAnalysis/performanceMetrics/0/value",
            "0.999",
        ),
        ("/signature/excludes", "metadata"),
    ] {
        let mut edited = bom.clone();
        match edited.pointer_mut(edit.0) {
            Some(place) => *place = edit.1.into(),
            None => {
                let (parent, key) = edit.0.rsplit_once('/').unwrap();
                edited.pointer_mut(parent).unwrap()[key] = edit.1.into();
            }
        }
        let mut changed = files.clone();
        changed.insert("aibom.json".into(), jcs(&edited));
        let failed = failed(&verify(&changed, &trust));
        assert_eq!(
            failed,
            ["aibom-detached-signature", "aibom-signature"],
            "{}",
            edit.0
        );
    }
}

#[test]
fn a_second_witness_must_agree() {
    let keys = Keys::generate();
    let second = SigningKey::generate();
    let mut functionaries = keys.functionaries();
    let mut third = functionaries[1].clone();
    third.key = second.public().clone();
    functionaries.push(third);
    let mut job = Job::sample(&keys);
    job.layout =
        assay_attest::platform_layout(&functionaries, now() + assay_attest::LAYOUT_VALIDITY);
    let agreeing = intoto::sign(&job.training, &second).unwrap();
    let mut other: Link = job.training.clone();
    other
        .products
        .insert(output("logs.txt"), Digest::of(b"other"));
    let disagreeing = intoto::sign(&other, &second).unwrap();
    let files = job.sign(&keys).unwrap();
    let trust = keys.trust().unwrap();
    let with = |bytes: Vec<u8>| {
        let mut files = files.clone();
        files.insert(link_file_name(RUN_TRAINING, &second.keyid()), bytes);
        failed(&verify(&files, &trust))
    };
    // The AIBoM names one witness; a second one that it does not name is reported.
    assert_eq!(with(agreeing), ["aibom-links"]);
    assert!(with(disagreeing).contains(&"link-threshold".to_owned()));
}
