//! Against a stand-in of NVIDIA's library that the C compiler makes here: it shows that what the library says arrives,
//! not that a real one says it.

use std::{path::Path, process::Command, sync::Arc};

use super::*;
use crate::environment::Meter;

/// The stand-in, as `libnvidia-ml.so.1` in this folder.
fn library(folder: &Path) -> String {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nvml.c");
    let library = folder.join("libnvidia-ml.so.1");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source)
        .status()
        .expect("a C compiler (cc) is needed");
    assert!(made.success());
    library.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_library_says_is_in_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let gpus = Gpus::open(&library(folder.path()));
    let constant = gpus.constant();
    let value = |all: &[(String, Measured)], wanted: &str| {
        let found = all.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    };
    assert_eq!(value(&constant, "gpu-count"), Some(Measured::Number(2)));
    let text = |text: &str| Some(Measured::Text(text.to_owned()));
    assert_eq!(value(&constant, "gpu-0-name"), text("Stand-in 0"));
    assert_eq!(value(&constant, "gpu-1-name"), text("Stand-in 1"));
    assert_eq!(value(&constant, "gpu-driver-version"), text("600.1"));
    let memory = value(&constant, "gpu-1-memory-total-bytes");
    assert_eq!(memory, Some(Measured::Number(16 << 30)));

    let none = folder.path().join("no counters");
    let reading = Meter::start(&none, &Arc::new(gpus), 1).end().await;
    let facts = reading.facts();
    let number = |name: &str| match value(&facts, name) {
        Some(Measured::Number(number)) => number,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(number("gpu-0-temperature-peak-celsius"), 41);
    assert_eq!(number("gpu-1-utilisation-mean-percent"), 50);
    assert_eq!(number("gpu-0-memory-peak-bytes"), 1 << 30);
    // The stand-in's counter of each grows by 250 whenever it is read, and it is read twice.
    assert_eq!(reading.gpu, Ok(500));
    assert_eq!(reading.energy().unwrap().gpu_millijoules, Some(500));
}

#[test]
fn a_library_of_something_else_is_no_library() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("libnvidia-ml.so.1");
    std::fs::write(&other, "text").unwrap();
    let gpus = Gpus::open(other.to_str().unwrap());
    let constant = gpus.constant();
    assert!(
        matches!(&constant[..], [(_, Measured::Unknown(_))]),
        "{constant:?}"
    );
}
