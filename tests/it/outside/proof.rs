//! in-toto's verifier over layout and links, CycloneDX' validator over the AIBoM.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{python, script, show};
use crate::support::{files, server::Server};

pub(crate) fn in_toto(bundle: &Path) -> Result<(), String> {
    let output = python("in-toto-verify")
        .arg("--layout")
        .arg(bundle.join("layout.json"))
        .arg("--verification-keys")
        .arg(bundle.parent().unwrap().join("trust/owner.pub"))
        .arg("--link-dir")
        .arg(bundle)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(show(&output))
    }
}

pub(crate) fn cyclonedx(bom: &Path, key: &Path) -> Result<(), String> {
    let output = python("python")
        .arg(script("check_bom.py"))
        .args([bom, key])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(show(&output))
    }
}

/// The signed Statements with the libraries of in-toto's attestation framework.
fn statements(bundle: &Path, key: &Path) -> Result<(), String> {
    let output = python("python")
        .arg(script("check_statements.py"))
        .args([bundle, key])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(show(&output))
    }
}

fn link(bundle: &Path, step: &str) -> PathBuf {
    let name = files(bundle)
        .into_iter()
        .find(|file| file.to_str().unwrap().starts_with(&format!("{step}.")))
        .unwrap();
    bundle.join(name)
}

/// Replaces text in a file, runs a check, puts the file back.
fn with_change<T>(path: &Path, from: &str, to: &str, check: impl FnOnce() -> T) -> T {
    let whole = fs::read_to_string(path).unwrap();
    assert!(
        whole.contains(from),
        "{from:?} is not in {}",
        path.display()
    );
    fs::write(path, whole.replacen(from, to, 1)).unwrap();
    let result = check();
    fs::write(path, whole).unwrap();
    result
}

#[test]
fn in_toto_and_cyclonedx_accept_the_bundle_and_refuse_changes() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let job = server.train(
        "wine",
        &[
            "epochs=2",
            "model_name=wine \"quoted\" \\ ütf",
            "license_name=MIT",
        ],
    );
    let bundle = server.bundle(&job, dir.path());
    in_toto(&bundle).unwrap();
    let key = dir.path().join("trust/platform.pub");
    let bom = bundle.join("aibom.json");
    cyclonedx(&bom, &key).unwrap();

    statements(&bundle, &key).unwrap();
    let lines = bundle.join("bundle.jsonl");
    // The first bytes of the provenance in base64, then a byte within.
    for (from, to) in [("eyJf", "eyJg"), ("LCJ", "LCK")] {
        assert!(with_change(&lines, from, to, || statements(&bundle, &key)).is_err());
    }
    assert!(statements(&bundle, &dir.path().join("trust/owner.pub")).is_err());
    let model = files(&bundle)
        .into_iter()
        .find(|file| file.ends_with("outputs/metrics.json"))
        .unwrap();
    let changed = with_change(&bundle.join(model), "loss", "lost", || {
        statements(&bundle, &key)
    });
    assert!(changed.is_err());

    let training = link(&bundle, "run_training");
    let ingest = link(&bundle, "ingest");
    for (path, from, to) in [
        (&training, "metrics.json", "metrics.yaml"),
        (&training, "\"return-value\":0", "\"return-value\":1"),
        (&ingest, "parameters.json", "parametres.json"),
        (&bundle.join("layout.json"), "DISALLOW", "ALLOW"),
    ] {
        let refused = with_change(path, from, to, || in_toto(&bundle));
        assert!(refused.is_err(), "{from} → {to} in {}", path.display());
    }
    for (from, to) in [
        ("\"training_rows\"", "\"training_r0ws\""),
        ("CycloneDX", "CycloneDY"),
        ("sparse_categorical_crossentropy", "mse"),
    ] {
        if fs::read_to_string(&bom).unwrap().contains(from) {
            let refused = with_change(&bom, from, to, || cyclonedx(&bom, &key));
            assert!(refused.is_err(), "{from} → {to}");
        }
    }
    // Another's key does not do.
    assert!(cyclonedx(&bom, &dir.path().join("trust/owner.pub")).is_err());
    // A missing link is missed.
    fs::rename(&ingest, dir.path().join("away")).unwrap();
    assert!(in_toto(&bundle).is_err());
}
