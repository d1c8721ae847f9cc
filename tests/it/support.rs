//! What the journeys share: the real program, a real server, real inputs.

pub(crate) mod backend;
#[cfg(feature = "outside-parts")]
pub(crate) mod deployment;
pub(crate) mod http;
#[cfg(feature = "outside-parts")]
pub(crate) mod proxy;
pub(crate) mod server;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The `assay` program.
pub(crate) fn assay() -> PathBuf {
    program("assay")
}

/// A program of the workspace, built beside the tests by `cargo test --workspace`.
pub(crate) fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join(name);
    assert!(
        program.exists(),
        "{} is missing; run the tests of the whole workspace (./test --quick)",
        program.display()
    );
    program
}

/// Runs `assay` to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(assay()).args(arguments).output().unwrap()
}

/// Runs `assay`, which must succeed; gives what it printed.
pub(crate) fn run_ok(arguments: &[&str]) -> String {
    let output = run(arguments);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "assay {arguments:?}: {}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

/// A folder's path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Every file under a folder, as paths relative to it, sorted.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    fn walk(root: &Path, dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, dir, &mut found);
    found.sort();
    found
}
