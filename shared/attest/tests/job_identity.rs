//! A proof is of one job, and says which.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../examples/bundle/sample.rs"]
mod sample;

use std::collections::BTreeMap;

use assay_attest::{
    INGEST, RUN_TRAINING, SCAN_IMAGE,
    intoto::link_file_name,
    verify::{Outcome, Report, named_job, verify_bundle},
};
use sample::{JOB, Job, Keys, now};
use serde_json::json;

type Files = BTreeMap<String, Vec<u8>>;

const OTHER: &str = "0190a000-0000-7000-8000-00000000000f";

fn verify(files: &Files, keys: &Keys) -> Report {
    let paths = files.keys().cloned().collect();
    let open = |path: &str| Ok(files.get(path).unwrap().as_slice());
    verify_bundle(&paths, open, &keys.trust().unwrap(), now())
}

/// What came of a job that was changed before it was signed.
fn after(change: impl FnOnce(&mut Job)) -> Report {
    let keys = Keys::generate();
    let mut job = Job::sample(&keys);
    change(&mut job);
    verify(&job.sign(&keys).unwrap(), &keys)
}

fn not_passed(report: &Report) -> Vec<&str> {
    let checks = report.not_passed();
    checks.map(|check| check.name.as_str()).collect()
}

#[test]
fn links_and_aibom_must_be_of_one_job() {
    let other = || json!({ "id": OTHER });
    let changes: [fn(&mut Job, serde_json::Value); 3] = [
        |job, other| drop(job.ingest.environment.insert("job".into(), other)),
        |job, other| drop(job.training.environment.insert("job".into(), other)),
        |job, other| job.facts.job_id = other["id"].as_str().unwrap().to_owned(),
    ];
    for change in changes {
        let report = after(|job| change(job, other()));
        assert_eq!(not_passed(&report), ["job-identity"]);
        assert_eq!(report.job, None);
        let detail = report.not_passed().next().unwrap().detail.clone().unwrap();
        assert!(detail.contains(OTHER) && detail.contains(JOB), "{detail}");
    }
}

#[test]
fn a_link_that_names_no_job_is_refused() {
    for nameless in [json!(null), json!({}), json!({"id": 7}), json!("a job")] {
        let report = after(|job| drop(job.ingest.environment.insert("job".into(), nameless)));
        assert_eq!(not_passed(&report), ["job-identity"]);
    }
    let report = after(|job| drop(job.training.environment.remove("job")));
    assert_eq!(not_passed(&report), ["job-identity"]);
}

#[test]
fn the_job_that_was_asked_for_is_compared() {
    let mut report = after(|_| ());
    assert_eq!(report.job.as_deref(), Some(JOB));
    report.expect_job(JOB);
    assert!(report.is_verified());
    report.expect_job(OTHER);
    assert_eq!(not_passed(&report), ["job-expected"]);
    // Where nothing is verified, the job is not, either.
    let keys = Keys::generate();
    let files = Job::sample(&Keys::generate()).sign(&keys).unwrap();
    let mut report = verify(&files, &Keys::generate());
    report.expect_job(JOB);
    assert_eq!(report.outcome("job-expected"), Some(Outcome::Skipped));
    assert_eq!(report.outcome("job-identity"), Some(Outcome::Skipped));
}

#[test]
fn a_file_alone_names_its_job() {
    let keys = Keys::generate();
    let files = Job::scanned(&keys).sign(&keys).unwrap();
    let named = |name: &str| named_job(&files[name]);
    assert_eq!(named("aibom.json").as_deref(), Some(JOB));
    for (step, key) in [(INGEST, &keys.api), (RUN_TRAINING, &keys.worker)] {
        assert_eq!(
            named(&link_file_name(step, &key.keyid())).as_deref(),
            Some(JOB)
        );
    }
    let scan = link_file_name(SCAN_IMAGE, &keys.scanner.keyid());
    assert_eq!(named(&scan), None);
    assert_eq!(named("layout.json"), None);
    assert_eq!(named_job(b"{"), None);
}
