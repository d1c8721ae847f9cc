//! docker-compose.yml as a reader of the documentation uses it: up, a job by HTTP, its bundle verified offline, the broker
//! killed while a job trains, down with nothing left.

mod engine;
mod images;
mod packages;
mod stand;

use std::time::Duration;

use assay_test_parts::within;
use engine::Engine;
use serde_json::Value;
use stand::Stand;

use crate::support::{run_ok, server::Inputs, text};

/// What a deployment may take on a loaded machine. A doorbell that was lost with the broker rings again after a minute.
const LONG: Duration = Duration::from_secs(400);

#[test]
fn a_deployment_runs_jobs_and_outlives_its_broker() {
    let engine = Engine::new();
    images::make(&engine);
    let stand = Stand::new(engine);
    stand.up();

    let first = submit(&stand, &["epochs=3"]);
    completed(&stand, &first);

    // Long enough that it still trains when the broker goes; if it should not, the job after it shows the same.
    let second = submit(&stand, &["epochs=20000"]);
    within(LONG, "the job to run", || {
        status(&stand, &second)["status"] != "queued"
    })
    .unwrap();
    let before = stand.restarts("rabbitmq");
    stand.crash("rabbitmq");
    completed(&stand, &second);
    within(LONG, "the broker's next start", || {
        stand.restarts("rabbitmq") > before
    })
    .unwrap();
    // And a job that is handed in while the broker is away, or just back.
    let third = submit(&stand, &["epochs=1"]);
    completed(&stand, &third);

    assert_eq!(stand.down(&[&first, &second, &third]), "");
}

/// Hands in a sample; gives the job's id.
fn submit(stand: &Stand, parameters: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("wine", folder.path());
    let url = stand.url();
    let mut arguments = vec!["--server", &url, "submit", "--json"];
    arguments.extend([
        "--model",
        text(&inputs.model),
        "--dataset",
        text(&inputs.dataset),
    ]);
    arguments.extend(["--definition", text(&inputs.definition)]);
    for parameter in parameters {
        arguments.extend(["--param", parameter]);
    }
    let answer: Value = serde_json::from_str(&run_ok(&arguments)).unwrap();
    answer["job_id"].as_str().unwrap().to_owned()
}

fn status(stand: &Stand, job: &str) -> Value {
    let said = run_ok(&["--server", &stand.url(), "status", "--json", job]);
    serde_json::from_str(&said).unwrap()
}

/// Waits for a job's completion, and verifies its bundle offline against the owner's trust.
fn completed(stand: &Stand, job: &str) {
    let ended = ["completed", "failed", "cancelled"];
    within(LONG, "the job's end", || {
        ended.contains(&status(stand, job)["status"].as_str().unwrap())
    })
    .unwrap_or_else(|error| panic!("{error}\n{}", stand.logs("worker")));
    let last = status(stand, job);
    assert_eq!(
        last["status"],
        "completed",
        "{last}\n{}",
        stand.logs("worker")
    );
    let bundle = stand.folder().join("bundles").join(job);
    run_ok(&["--server", &stand.url(), "get", job, text(&bundle)]);
    run_ok(&["verify", text(&bundle), "--trust", text(&stand.trust())]);
    let link = std::fs::read_dir(&bundle).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        name.starts_with("run_training.")
            .then(|| std::fs::read_to_string(path).unwrap())
    });
    assert!(
        link.unwrap().contains("image-digest"),
        "the link names the image"
    );
}
