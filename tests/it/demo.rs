//! The first thing a newcomer types.

use super::support::{files, run, run_ok, text};

#[test]
fn demo_verifies_two_proofs_and_refuses_a_forgery() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("demo");
    let said = run_ok(&["demo", "--dir", text(&dir)]);
    assert!(
        said.trim_end()
            .ends_with("2 proofs verified, 1 forgery refused."),
        "{said}"
    );

    // What it left can be checked again, by hand and offline.
    for sample in ["wine", "digits"] {
        let bundle = dir.join(sample);
        let said = run_ok(&["verify", text(&bundle)]);
        assert!(said.contains("is verified."), "{said}");
    }
    let forged = run(&["verify", text(&dir.join("forged"))]);
    assert_eq!(forged.status.code(), Some(1));

    // A bundle holds what the documentation promises, and nothing besides.
    let names: Vec<String> = files(&dir.join("wine"))
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    for expected in [
        "layout.json",
        "aibom.json",
        "aibom.sig",
        "model.sig",
        "model.keras",
        "wine.csv",
        "definition.yaml",
        "parameters.json",
        "trained_model.keras",
        "model.safetensors",
        "model.json",
        "metrics.json",
        "logs.txt",
        "preprocessing.json",
    ] {
        assert!(
            names.iter().any(|name| name == expected),
            "{expected}: {names:?}"
        );
    }
    let links = names.iter().filter(|name| name.ends_with(".link")).count();
    assert_eq!((names.len(), links), (17, 2), "{names:?}");

    // The trust anchor lies beside the bundles.
    for anchor in ["owner.pub", "platform.pub", "trust.json"] {
        assert!(dir.join("trust").join(anchor).is_file(), "{anchor}");
    }
}

#[test]
fn demo_refuses_a_folder_that_is_not_empty() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mine"), "precious").unwrap();
    let output = run(&["demo", "--dir", text(dir.path())]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not empty"));
    assert_eq!(files(dir.path()).len(), 1);
}
