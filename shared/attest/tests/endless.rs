//! A file that never ends must not keep the verifier busy for ever.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../examples/bundle/sample.rs"]
mod sample;

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use assay_attest::verify::{Outcome, Report, verify_bundle};
use sample::{DIR, Job, Keys, now};

/// The report on a bundle in which this file goes on for ever after its own bytes.
fn with_endless(endless: &str, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Report {
    let keys = Keys::generate();
    let mut files = Job::scanned(&keys).sign(&keys).unwrap();
    assert!(files.contains_key(endless));
    change(&mut files);
    let paths = files.keys().cloned().collect();
    let open = |path: &str| {
        let bytes = files[path].as_slice();
        let after: Box<dyn Read> = if path == endless {
            Box::new(io::repeat(0))
        } else {
            Box::new(io::empty())
        };
        Ok(bytes.chain(after))
    };
    verify_bundle(&paths, open, &keys.trust().unwrap(), now())
}

#[test]
fn no_more_is_read_than_the_aibom_says() {
    for name in ["outputs/logs.txt", "inputs/model/wine.keras"] {
        let report = with_endless(&format!("{DIR}/{name}"), |_| ());
        let refused: Vec<_> = report.not_passed().collect();
        assert_eq!(refused.len(), 1, "{refused:#?}");
        assert_eq!(refused[0].name, "artifact-digest");
        let detail = refused[0].detail.as_deref().unwrap();
        assert!(detail.contains("more than the"), "{detail}");
    }
}

#[test]
fn nothing_is_read_when_nobody_trusted_says_how_large_it_is() {
    let report = with_endless(&format!("{DIR}/outputs/logs.txt"), |files| {
        files.remove("aibom.json").unwrap();
    });
    assert_eq!(report.outcome("artifact-digest"), Some(Outcome::Skipped));
    assert!(!report.is_verified());
}

#[test]
fn the_files_of_the_proof_have_limits_of_their_own() {
    for name in ["layout.json", "aibom.json", "aibom.sig"] {
        assert!(!with_endless(name, |_| ()).is_verified(), "{name}");
    }
}
