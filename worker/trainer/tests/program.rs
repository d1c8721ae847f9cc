//! The trainer as a program of its own, as an image holds it.

use std::process::Command;

const TRAINER: &str = env!("CARGO_BIN_EXE_assay-trainer");

#[test]
fn it_says_what_it_is_and_what_it_takes() {
    let version = Command::new(TRAINER).arg("--version").output().unwrap();
    assert!(version.status.success());
    assert!(version.stdout.starts_with(b"assay-trainer "));
    let help = Command::new(TRAINER).arg("--help").output().unwrap();
    assert!(String::from_utf8_lossy(&help.stdout).contains("--out DIR"));
}

#[test]
fn it_refuses_what_it_does_not_understand_and_prints_no_event() {
    let refused = Command::new(TRAINER).arg("serve").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no mode"));
}
