//! An SBOM of the submitter's own goes the whole way of a job.

use std::fs;

use serde_json::Value;

use super::support::{
    run, run_ok,
    server::{Inputs, Server},
    text,
};

#[test]
fn an_sbom_is_an_input_that_the_proof_names_and_a_broken_one_is_refused() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let files = Inputs::sample("wine", &dir.path().join("wine"));
    let sbom = dir.path().join("own.json");
    let arguments = [
        "--server",
        &server.url,
        "submit",
        "--json",
        "--param",
        "epochs=1",
        "--model",
        text(&files.model),
        "--dataset",
        text(&files.dataset),
        "--definition",
        text(&files.definition),
        "--sbom",
        text(&sbom),
    ];
    fs::write(&sbom, r#"{"bomFormat": "SPDX"}"#).unwrap();
    let refused = run(&arguments);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("sbom: it is no CycloneDX document"), "{said}");

    let components = r#"[{"type": "library", "name": "numpy", "version": "2.4.6"}]"#;
    let document = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": {components}}}"#
    );
    fs::write(&sbom, &document).unwrap();
    let accepted: Value = serde_json::from_str(&run_ok(&arguments)).unwrap();
    let job = accepted["job_id"].as_str().unwrap();
    server.client(&["logs", "-f", job]);
    let bundle = server.bundle(job, dir.path());
    run_ok(&["verify", text(&bundle)]);
    let bom = fs::read(bundle.join("aibom.json")).unwrap();
    let bom: Value = serde_json::from_slice(&bom).unwrap();
    let all = bom["components"].as_array().unwrap();
    let own = all.iter().find(|one| one["bom-ref"] == "supplied-sbom");
    assert_eq!(own.unwrap()["components"][0]["name"], "numpy");

    // It trains again without it, and the file cannot be exchanged.
    let unique_dir = accepted["unique_dir"].as_str().unwrap();
    let kept = bundle.join(unique_dir).join("inputs/sbom/own.json");
    assert_eq!(fs::read_to_string(&kept).unwrap(), document);
    run_ok(&["reproduce", text(&bundle)]);
    fs::write(&kept, document.replace("numpy", "scipy")).unwrap();
    let forged = run(&["verify", text(&bundle)]);
    assert_eq!(forged.status.code(), Some(1));
}
