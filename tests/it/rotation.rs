//! Keys are replaced and revoked while proofs are out in the world.

use std::{fs, path::Path};

use assay_attest::Trust;
use assay_platform::keys::read_trust;
use serde_json::Value;

use super::support::{run, run_ok, server::Server, text};

/// The details of the checks that fail, by `assay verify`; none when the bundle is verified.
fn refusals(bundle: &Path, trust: &Path) -> Vec<String> {
    let output = run(&["verify", "--json", text(bundle), "--trust", text(trust)]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["verified"] == true, output.status.success());
    let checks = answer["checks"].as_array().unwrap();
    let bad = checks.iter().filter(|check| check["outcome"] != "passed");
    bad.map(|check| format!("{} {}", check["name"], check["detail"]))
        .collect()
}

#[test]
fn old_and_new_proofs_hold_after_a_rotation_until_a_key_is_revoked() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let (pinned, secrets) = (dir.path().join("trust"), server.data().join("secrets"));
    let old = server.bundle(&server.train("wine", &["epochs=1"]), dir.path());
    let first = Trust::from_json(&fs::read(pinned.join("trust.json")).unwrap()).unwrap();
    let keys = |arguments: &[&str]| {
        let arguments = [&["keys"][..], arguments, &["--dir", text(&secrets)]].concat();
        run_ok(&arguments);
    };
    for what in ["worker", "platform", "api", "owner"] {
        keys(&["rotate", what]);
    }
    let server = Server::over(server.kill(), &[]);
    let new = server.bundle(&server.train("wine", &["epochs=1"]), dir.path());
    // `assay get` took the newer trust file, which the owner that was pinned before handed on.
    let served = Trust::from_json(&fs::read(pinned.join("trust.json")).unwrap()).unwrap();
    assert_eq!(served.version, first.version + 4);
    assert_eq!(&served, &read_trust(&secrets).unwrap());
    served.check_continues(&first.owner).unwrap();
    for bundle in [&old, &new] {
        assert_eq!(refusals(bundle, &pinned), Vec::<String>::new());
    }

    let worker = first
        .functionaries
        .iter()
        .find(|one| one.name == "worker-1");
    let worker = worker.unwrap().key.keyid().to_string();
    keys(&["revoke", &worker, "--reason", "its machine was stolen"]);
    run_ok(&["keys", "trust", text(&pinned), "--dir", text(&secrets)]);
    let refused = refusals(&old, &pinned);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(
        refused[0].contains("key-validity") && refused[0].contains("its machine was stolen"),
        "{refused:?}"
    );
    assert_eq!(refusals(&new, &pinned), Vec::<String>::new());
}
