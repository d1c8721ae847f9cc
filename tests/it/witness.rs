//! What one worker trained, another one trains again and vouches for.

use std::path::Path;

use serde_json::Value;

#[cfg(feature = "outside-parts")]
use super::support::deployment::Deployment;
use super::support::{
    run, run_ok,
    server::{Folder, Inputs, Server},
    text,
};

/// The rows `witness` of a verified bundle.
pub(crate) fn witnesses(bundle: &Path, trust: &Path) -> usize {
    let said = run_ok(&["verify", "--json", text(bundle), "--trust", text(trust)]);
    let report: Value = serde_json::from_str(&said).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["name"] == "witness").count()
}

/// Asks for a job to be trained again; gives the job that does it.
fn asked(said: &str) -> String {
    let answer: Value = serde_json::from_str(said).unwrap();
    answer["job_id"].as_str().unwrap().to_owned()
}

#[test]
fn one_process_with_another_workers_key_vouches_for_what_the_first_trained() {
    let folder = Folder::new();
    let secrets = folder.path().join("data/secrets");
    run_ok(&["keys", "init", "--workers", "2", "--dir", text(&secrets)]);
    let server = Server::over(folder, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("wine", dir.path());
    let job = server.submit(&inputs, &["epochs=5", "seed=3"]);
    server.client(&["logs", "-f", &job]);
    let again = asked(&server.client(&["witness", "--json", &job]));
    assert_eq!(asked(&server.client(&["witness", "--json", &job])), again);

    // The process that trained lets it wait; one with the other key does it.
    let server = Server::over(server.kill(), &[("ASSAY__KEYS__NAME", "2")]);
    server.client(&["logs", "-f", &again]);
    let ended = server.http().get(&format!("/jobs/{again}")).json();
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["reproduces"], job.as_str());
    let status = server.client(&["status", &job]);
    assert!(status.contains("completed, verdict identical"), "{status}");

    let bundle = server.bundle(&job, dir.path());
    let trust = dir.path().join("trust");
    assert_eq!(witnesses(&bundle, &trust), 1);
    // Both keys have had their say.
    let refused = run(&["--server", &server.url, "witness", &job]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    assert!(said.contains("reproduction.no_other_worker"), "{said}");
    // The bundle stays one that can be trained again at home.
    let verdict = run_ok(&["reproduce", "--json", text(&bundle)]);
    assert!(verdict.contains(r#""reproduced":"identical""#), "{verdict}");
}

#[cfg(feature = "outside-parts")]
#[test]
fn another_worker_of_a_deployment_trains_again_and_vouches() {
    let deployment = Deployment::start(2, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    for _ in 0..2 {
        let job = deployment.submit(&inputs, &["epochs=2"]);
        let trained = deployment.wait(&job);
        assert_eq!(trained["status"], "completed", "{trained}");
        let again = asked(&deployment.client(&["witness", "--json", &job]));
        let ended = deployment.wait(&again);
        assert_eq!(ended["status"], "completed", "{ended}");
        assert_ne!(ended["worker"], trained["worker"]);
        assert_eq!(ended["attempt"], 1, "{ended}");
        let listed = &deployment.job(&job)["reproductions"][0];
        assert_eq!(listed["verdict"], "identical", "{listed}");
        assert_eq!(listed["worker"], ended["worker"]);
        let bundle = deployment.verify(&job);
        let trust = deployment.folder_of("secrets");
        assert_eq!(witnesses(&bundle, &trust), 1);
    }
}

/// It is a job like any other: its worker may be killed, it may be stopped, and it may be asked for again.
#[cfg(feature = "outside-parts")]
#[test]
fn a_reproduction_survives_its_worker_and_can_be_stopped() {
    let mut deployment = Deployment::start(3, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = deployment.submit(&inputs, &["epochs=40"]);
    let trained = deployment.wait(&job);
    assert_eq!(trained["status"], "completed", "{trained}");
    let trains = |job: &Value| job["progress"]["epoch"].as_u64() >= Some(1);

    let stopped = asked(&deployment.client(&["witness", "--json", &job]));
    deployment.wait_for(&stopped, trains);
    deployment.client(&["cancel", &stopped]);
    assert_eq!(deployment.wait(&stopped)["status"], "cancelled");

    let again = asked(&deployment.client(&["witness", "--json", &job]));
    assert_ne!(again, stopped);
    deployment.wait_for(&again, trains);
    let worker = deployment.worker_of(&again);
    deployment.workers[worker].kill();
    let ended = deployment.wait(&again);
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["attempt"], 2, "{ended}");
    assert_ne!(ended["worker"], trained["worker"]);
    // The witness computed all of it.
    assert!(ended["resumed_from"].is_null(), "{ended}");
    let bundle = deployment.verify(&job);
    assert_eq!(witnesses(&bundle, &deployment.folder_of("secrets")), 1);
}
