//! Known defects of AIBoMGen, whose HTTP interface Assay keeps, shown not to be here. The numbers are those of the
//! table in docs/DECISIONS.md; those that concern single routes are tested beside them, in `api/tests`.

use std::fs;

use assay_protocol::DataLimits;
use assay_trainer::{archive, engine};
use serde_json::Value;

use super::support::{
    files,
    server::{Inputs, Server},
};

fn read(bundle: &std::path::Path, name: &str) -> Vec<u8> {
    let file = files(bundle)
        .into_iter()
        .find(|path| path.ends_with(name))
        .unwrap();
    fs::read(bundle.join(file)).unwrap()
}

#[test]
fn defect_01_a_machine_without_gpu_and_containers_proves_its_jobs() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let bundle = server.bundle(&server.train("wine", &["epochs=1"]), dir.path());
    server.client(&["verify", bundle.to_str().unwrap()]);
}

#[test]
fn defect_10_the_proof_says_the_batch_size_that_was_trained_with() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let job = server.train(
        "wine",
        &["epochs=2", "batch_size=19", "validation_split=0.3"],
    );
    let bundle = server.bundle(&job, dir.path());
    let said = String::from_utf8(read(&bundle, "parameters.json")).unwrap();
    assert!(said.contains("\"batch_size\":19"), "{said}");
    // 124 rows in batches of 19 are 7 steps an epoch; the optimizer counts them itself.
    let model = archive::read(
        &read(&bundle, "trained_model.keras"),
        &DataLimits::default(),
    );
    assert_eq!(model.unwrap().optimizer.unwrap().iterations, 2 * 7);
}

#[test]
fn defect_12_nothing_of_the_validation_rows_reaches_the_training() {
    let split = engine::split(178, 0.2, 7);
    assert_eq!((split.training.len(), split.validation.len()), (142, 36));
    assert!(
        !split
            .training
            .iter()
            .any(|row| split.validation.contains(row))
    );

    // Not even through the statistics that the rows are normalised with.
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let bundle = server.bundle(&server.train("wine", &["epochs=1", "seed=7"]), dir.path());
    let text = String::from_utf8(read(&bundle, "wine.csv")).unwrap();
    let first_column: Vec<f64> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap().parse().unwrap())
        .collect();
    let mean = |rows: &[u32]| {
        rows.iter()
            .map(|row| first_column[*row as usize])
            .sum::<f64>()
            / rows.len() as f64
    };
    let fitted: Value = serde_json::from_slice(&read(&bundle, "preprocessing.json")).unwrap();
    let fitted = find_number(&fitted, "mean").unwrap();
    let everything: Vec<u32> = (0..178).collect();
    assert!((fitted - mean(&split.training)).abs() < 1e-5, "{fitted}");
    assert!((fitted - mean(&everything)).abs() > 1e-4, "{fitted}");
}

/// The first number under a key of this name, wherever it stands.
fn find_number(value: &Value, key: &str) -> Option<f64> {
    match value {
        Value::Object(map) => map
            .get(key)
            .and_then(|found| found.as_f64().or_else(|| found.get(0)?.as_f64()))
            .or_else(|| map.values().find_map(|inner| find_number(inner, key))),
        Value::Array(items) => items.iter().find_map(|inner| find_number(inner, key)),
        _ => None,
    }
}

#[test]
fn defect_13_a_tfrecord_job_has_its_data_set_in_the_aibom() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::records(dir.path());
    let job = server.submit(&inputs, &["epochs=2", "batch_size=4"]);
    server.client(&["logs", "-f", &job]);
    let bundle = server.bundle(&job, dir.path());
    let bom: Value = serde_json::from_slice(&read(&bundle, "aibom.json")).unwrap();
    let data = bom["components"]
        .as_array()
        .unwrap()
        .iter()
        .find(|component| {
            component["type"] == "data"
                && component["name"]
                    .as_str()
                    .is_some_and(|name| name.contains("records"))
        })
        .expect("a data component");
    assert_eq!(data["hashes"][0]["alg"], "SHA-256", "{data}");
}

#[test]
fn defect_15_statements_of_the_database_are_not_printed() {
    let server = Server::start();
    server.train("wine", &["epochs=1"]);
    let log = server.log();
    for word in ["SELECT ", "INSERT ", "UPDATE "] {
        assert!(!log.contains(word), "{log}");
    }
}
