//! The command line itself: help that teaches, errors that say what to do next.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Output};

fn assay(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn help_begins_with_the_demo() {
    let output = assay(&["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("assay demo"), "{help}");
    assert!(!help.contains("__"), "hidden commands stay hidden: {help}");
}

#[test]
fn without_a_server_a_client_command_says_how_to_start_one() {
    // Port 9 (discard) has no server here.
    let output = assay(&["status", "--server", "http://127.0.0.1:9"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("assay up"), "{said}");
}

#[test]
fn a_bundle_without_a_trust_anchor_is_not_judged() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("bundle");
    std::fs::create_dir(&bundle).unwrap();
    let output = assay(&["verify", bundle.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--trust"), "{said}");
}

#[test]
fn keys_are_made_once_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let keys = keys.to_str().unwrap();
    assert!(assay(&["keys", "init", "--dir", keys]).status.success());
    let before = std::fs::read(format!("{keys}/owner.pem")).unwrap();
    assert!(!assay(&["keys", "init", "--dir", keys]).status.success());
    assert_eq!(std::fs::read(format!("{keys}/owner.pem")).unwrap(), before);
}
