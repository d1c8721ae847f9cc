//! A whole bundle, and everything that can be done to it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod again;
mod aibom;
mod files;
mod rules;
#[path = "../../examples/bundle/sample.rs"]
mod sample;
mod scan;
mod signers;
mod statements;
mod witness;

use std::collections::BTreeMap;

use assay_attest::{
    Digest, FormerKey, IMAGE_PATH, Part, RUN_TRAINING, Revocation, Role, SCAN_IMAGE, SCAN_REPORTS,
    SigningKey, Trust, Window,
    aibom::ScanFacts,
    intoto::{self, Link, link_file_name},
    json::jcs,
    statement::{Statement, read_lines, write_lines},
    verify::{Outcome, Report, verify_bundle},
};
use sample::{DIR, Job, Keys, now};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

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
