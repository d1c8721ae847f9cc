//! Watching, listing and stopping jobs.

use serde_json::Value;

use super::support::server::{Inputs, Server};

#[test]
fn a_running_job_is_cancelled_and_leaves_no_proof() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = server.submit(&inputs, &["epochs=100000"]);
    server.client(&["cancel", &job]);

    // The stream ends with the job; `logs -f` therefore returns, and says by its exit code that it did not complete.
    let followed = super::support::run(&["--server", &server.url, "logs", "-f", &job]);
    assert_eq!(followed.status.code(), Some(1));
    let ended = server.http().get(&format!("/jobs/{job}")).json();
    assert_eq!(ended["status"], "cancelled");
    let artifacts = ended["artifacts"].as_array().unwrap();
    assert!(
        artifacts.iter().all(|a| a["role"] != "aibom"),
        "{artifacts:?}"
    );
    assert_eq!(
        server.http().delete(&format!("/jobs/{job}")).problem(409),
        "job.already_ended"
    );
}

#[test]
fn a_diverging_training_is_failed_with_the_reason() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("wine", dir.path());
    // Numbers near the largest float make the very first loss infinite.
    let text = std::fs::read_to_string(&inputs.dataset).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let huge: String = rows
        .lines()
        .map(|row| {
            let (_, rest) = row.split_once(',').unwrap();
            format!("3e38,{rest}\n")
        })
        .collect();
    std::fs::write(&inputs.dataset, format!("{header}\n{huge}")).unwrap();
    let definition = std::fs::read_to_string(&inputs.definition).unwrap();
    std::fs::write(
        &inputs.definition,
        definition.replace("normalize: true", "normalize: false"),
    )
    .unwrap();
    let job = server.submit(&inputs, &["epochs=3"]);
    super::support::run(&["--server", &server.url, "logs", "-f", &job]);

    let ended = server.http().get(&format!("/jobs/{job}")).json();
    assert_eq!(ended["status"], "failed", "{ended}");
    assert_eq!(ended["failure"]["code"], "training.diverged");
    let status = server.http().get(&format!("/job_status/{job}")).json();
    assert_eq!(status["status"], "failed");
    assert_eq!(status["result"]["training_status"], "training job failed");
}

#[test]
fn lists_are_filtered_and_paged() {
    let server = Server::start();
    let jobs: Vec<String> = (0..3)
        .map(|number| server.train("wine", &["epochs=1", &format!("model_name=wine {number}")]))
        .collect();
    let ids = |query: &str| -> Vec<String> {
        server.http().get(&format!("/jobs{query}")).json()["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["job_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let newest_first: Vec<String> = jobs.iter().rev().cloned().collect();
    assert_eq!(ids(""), newest_first);
    assert_eq!(ids("?status=completed&limit=2"), newest_first[..2]);
    assert_eq!(ids(&format!("?before={}", jobs[1])), newest_first[2..]);
    assert_eq!(ids("?model_name=wine%201"), [jobs[1].clone()]);
    assert!(ids("?status=failed&status=queued").is_empty());
    server.http().get("/jobs?colour=red").problem(400);
    server.http().get("/jobs/no-such-job").problem(404);
}

#[test]
fn the_proof_tells_what_was_asked_and_what_was_measured() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let metadata = [
        ("model_name", "A name"),
        ("model_version", "9.8.7"),
        ("model_description", "A description"),
        ("author", "An author"),
        ("model_type", "A type"),
        ("base_model", "A base"),
        ("base_model_source", "https://example.org/a-base"),
        ("intended_use", "An intended use"),
        ("out_of_scope", "A scope left out"),
        ("misuse_or_malicious", "A misuse"),
        ("license_name", "A licence"),
    ];
    let mut parameters: Vec<String> = metadata.iter().map(|(k, v)| format!("{k}={v}")).collect();
    parameters.extend(
        [
            "epochs=2",
            "batch_size=19",
            "seed=31",
            "validation_split=0.3",
        ]
        .map(str::to_owned),
    );
    let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
    let bundle = server.bundle(&server.train("wine", &parameters), dir.path());
    let text = std::fs::read_to_string(bundle.join("aibom.json")).unwrap();
    for (field, value) in metadata {
        assert!(text.contains(value), "{field} is dropped");
    }
    let bom: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bom["specVersion"], "1.6");
    assert!(bom["formulation"].is_array() && bom["signature"].is_object());
    // 178 rows, 30 % held out: Keras counts floor(178 · 0.7) = 124.
    for said in [
        "\"19\"", "\"31\"", "\"124\"", "\"54\"", "landlock", "seccomp",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn regression_trains_too() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::regression(dir.path());
    let job = server.submit(&inputs, &["epochs=40", "batch_size=16", "seed=3"]);
    server.client(&["logs", "-f", &job]);
    let bundle = server.bundle(&job, dir.path());
    server.client(&["verify", bundle.to_str().unwrap()]);
    let ended = server.http().get(&format!("/jobs/{job}")).json();
    let metrics = &ended["progress"]["metrics"];
    // y = 2a - 3b + 1 with no noise: a linear model finds it.
    assert!(metrics["val_loss"].as_f64().unwrap() < 0.05, "{metrics}");
}
