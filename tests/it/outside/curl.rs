//! The eight routes by curl, as the documentation's examples have them.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::support::{
    files,
    server::{Inputs, Server},
};

/// Runs curl; gives the answer's JSON.
fn curl(arguments: &[String]) -> Value {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail-with-body"])
        .args(arguments)
        .output()
        .unwrap();
    let body = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "curl {arguments:?}: {body}");
    serde_json::from_str(&body).unwrap()
}

fn form(fields: &[(&str, String)], url: String) -> Value {
    let mut arguments = vec!["-X".to_owned(), "POST".to_owned(), url];
    for (field, value) in fields {
        arguments.extend(["-F".to_owned(), format!("{field}={value}")]);
    }
    curl(&arguments)
}

fn file(path: &Path) -> String {
    format!("@{}", path.display())
}

fn submit(url: &str, inputs: &Inputs, framework: &str) -> Value {
    let texts = [
        ("framework", framework),
        ("model_name", "wine"),
        ("model_version", "1.0"),
        ("model_description", "Tells wines apart"),
        ("author", "Somebody"),
        ("model_type", "Tabular classification"),
        ("base_model", "none"),
        ("base_model_source", "https://example.org/base"),
        ("intended_use", "Tests"),
        ("out_of_scope", "Everything else"),
        ("misuse_or_malicious", "None known"),
        ("license_name", "Apache-2.0"),
        ("epochs", "2"),
        ("validation_split", "0.25"),
        ("initial_epoch", "0"),
        ("batch_size", "16"),
        ("steps_per_epoch", "4"),
        ("validation_steps", "1"),
        ("validation_freq", "1"),
    ];
    let mut fields = vec![
        ("model", file(&inputs.model)),
        ("dataset", file(&inputs.dataset)),
        ("dataset_definition", file(&inputs.definition)),
    ];
    fields.extend(texts.map(|(field, value)| (field, value.to_owned())));
    form(&fields, format!("{url}/submit_job_by_model_and_data"))
}

#[test]
fn the_documented_examples_work_for_both_frameworks() {
    for framework in ["TensorFlow 2.16.1", "candle"] {
        let server = Server::start();
        let dir = tempfile::tempdir().unwrap();
        let inputs = Inputs::sample("wine", &dir.path().join("inputs"));
        let accepted = submit(&server.url, &inputs, framework);
        assert_eq!(accepted["status"], "Training started");
        let job = accepted["job_id"].as_str().unwrap().to_owned();
        let folder = accepted["unique_dir"].as_str().unwrap().to_owned();
        server.client(&["logs", "-f", &job]);
        reads(&server.url, &job, &folder);
        let bundle = server.bundle(&job, dir.path());
        verifies(&server.url, &bundle, &folder);

        let bom: Value =
            serde_json::from_slice(&std::fs::read(bundle.join("aibom.json")).unwrap()).unwrap();
        let text = bom.to_string();
        assert!(text.contains(framework), "the request is recorded");
        assert!(
            text.contains("assay-trainer"),
            "what really trained is recorded"
        );
    }
}

fn reads(url: &str, job: &str, folder: &str) {
    let status = curl(&[format!("{url}/job_status/{job}")]);
    assert_eq!(status["job_id"], job);
    assert_eq!(status["status"], "completed");
    let result = &status["result"];
    assert_eq!(result["training_status"], "training job completed");
    assert_eq!(result["unique_dir"], folder);
    assert_eq!(
        result["message"],
        "Training completed successfully and AIBoM generated."
    );
    let outputs = result["output_artifacts"].as_array().unwrap();
    for name in [
        "trained_model.keras",
        "metrics.json",
        "logs.txt",
        "aibom.json",
        "aibom.sig",
    ] {
        assert!(
            outputs.iter().any(|output| output == name),
            "{name}: {outputs:?}"
        );
    }

    let artifacts = curl(&[format!("{url}/job_artifacts/{job}")]);
    assert_eq!(artifacts["job_id"], job);
    let paths = artifacts["artifacts"].as_array().unwrap();
    assert!(
        paths
            .iter()
            .all(|path| path.as_str().unwrap().starts_with(folder))
    );

    let link = curl(&[format!("{url}/job_artifacts/{job}/trained_model.keras")]);
    assert_eq!(link["artifact_name"], "trained_model.keras");
    let fetched = Command::new("curl")
        .args(["--silent", "--fail", link["url"].as_str().unwrap()])
        .output()
        .unwrap();
    assert!(fetched.status.success());
    assert!(fetched.stdout.starts_with(b"PK"), "a .keras file is a zip");
}

fn verifies(url: &str, bundle: &Path, folder: &str) {
    let link = files(bundle)
        .into_iter()
        .find(|path| path.to_str().unwrap().starts_with("run_training."))
        .map(|path| bundle.join(path))
        .unwrap();
    let model = bundle.join(folder).join("outputs/trained_model.keras");

    let answer = form(
        &[("link_file", file(&link))],
        format!("{url}/verify_in-toto_link"),
    );
    assert_eq!(answer["status"], "success", "{answer}");
    assert_eq!(answer["message"], "Verification successful.");
    for (field, value) in [
        ("layout_signature", "Verified"),
        ("layout_expiration", "Valid"),
        ("link_signatures", "Verified"),
        ("threshold_verification", "Met"),
        ("artifact_rules", "All rules satisfied"),
    ] {
        assert_eq!(answer["details"][field], value, "{answer}");
    }

    let answer = form(
        &[("link_file", file(&link)), ("uploaded_file", file(&model))],
        format!("{url}/verify_file_hash"),
    );
    assert_eq!(answer["status"], "success", "{answer}");
    assert_eq!(answer["message"], "Hash matches the recorded metadata.");
    assert_eq!(answer["details"]["file_name"], "trained_model.keras");
    assert_eq!(
        answer["details"]["hash"]["sha256"].as_str().unwrap().len(),
        64
    );

    let answer = form(
        &[("link_file", file(&link))],
        format!("{url}/verify_minio_artifacts"),
    );
    assert_eq!(answer["status"], "success", "{answer}");
    assert_eq!(answer["verified_materials"].as_array().unwrap().len(), 4);
    assert_eq!(answer["verified_products"].as_array().unwrap().len(), 6);
    assert_eq!(answer["mismatched_materials"].as_array().unwrap().len(), 0);
    assert_eq!(answer["mismatched_products"].as_array().unwrap().len(), 0);

    let answer = form(
        &[("bom_file", file(&bundle.join("aibom.json")))],
        format!("{url}/verify_bom_and_link"),
    );
    assert_eq!(answer["status"], "success", "{answer}");
    assert_eq!(
        answer["message"],
        "BOM and .link file verification successful."
    );
    assert_eq!(answer["details"]["bom_signature"], "Verified");
    assert_eq!(answer["details"]["link_file"], "Verified");
}
