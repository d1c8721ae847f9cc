//! Several processes over one database, one broker and one store: what one begins, another ends.

use std::os::unix::fs::PermissionsExt as _;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::support::{deployment::Deployment, server::Inputs};

pub(crate) fn trains(job: &Value) -> bool {
    job["progress"]["epoch"].as_u64() >= Some(1)
}

#[test]
fn a_job_goes_from_the_api_over_the_queue_to_a_worker_and_its_proof_verifies() {
    let deployment = Deployment::start(1, &[]);
    let dir = tempfile::tempdir().unwrap();
    let job = deployment.submit(&Inputs::sample("wine", dir.path()), &["epochs=2"]);
    let ended = deployment.wait(&job);
    assert_eq!(ended["status"], "completed", "{ended}");
    deployment.verify(&job);
    // Each answers for itself.
    for (service, url) in [
        ("api", &deployment.api.url),
        ("worker", &deployment.workers[0].url),
    ] {
        let address = url.strip_prefix("http://").unwrap();
        deployment.administer(&["healthcheck", service, "--listen", address]);
    }
}

#[test]
fn a_wish_to_cancel_reaches_the_worker_in_another_process() {
    let deployment = Deployment::start(1, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = deployment.submit(&inputs, &["epochs=100000"]);
    deployment.wait_for(&job, trains);
    deployment.client(&["cancel", &job]);
    assert_eq!(deployment.wait(&job)["status"], "cancelled");
    // The worker is free for the next one.
    let next = deployment.submit(&inputs, &["epochs=1"]);
    assert_eq!(deployment.wait(&next)["status"], "completed");
}

#[test]
fn when_a_worker_is_killed_another_takes_its_job_over() {
    let mut deployment = Deployment::start(2, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = deployment.submit(&inputs, &["epochs=40"]);
    deployment.wait_for(&job, trains);
    let first = deployment.worker_of(&job);
    deployment.workers[first].kill();
    let ended = deployment.wait(&job);
    assert_eq!(ended["status"], "completed", "{ended}");
    assert!(ended["attempt"].as_u64() >= Some(2), "{ended}");
    assert_eq!(deployment.times(&job, "completed"), 1);
    deployment.verify(&job);
}

#[test]
fn jobs_go_on_while_the_api_is_away() {
    let mut deployment = Deployment::start(1, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let jobs = [
        deployment.submit(&inputs, &["epochs=20"]),
        deployment.submit(&inputs, &["epochs=1"]),
    ];
    deployment.wait_for(&jobs[0], trains);
    deployment.api.kill();
    // Its rooms, its lock and its address are free again.
    deployment.api.start();
    for job in &jobs {
        assert_eq!(deployment.wait(job)["status"], "completed");
        deployment.verify(job);
    }
}

#[test]
fn a_worker_that_comes_back_after_its_lease_completes_nothing() {
    let deployment = Deployment::start(2, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = deployment.submit(&inputs, &["epochs=60"]);
    deployment.wait_for(&job, trains);
    let first = deployment.worker_of(&job);
    deployment.workers[first].signal(Signal::SIGSTOP);
    // Nobody renews the lease: the job gets another attempt.
    deployment.wait_for(&job, |job| job["attempt"].as_u64() >= Some(2));
    deployment.workers[first].signal(Signal::SIGCONT);
    let ended = deployment.wait(&job);
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(deployment.times(&job, "completed"), 1);
    deployment.verify(&job);
    // And it works on, once it has noticed.
    let next = deployment.submit(&inputs, &["epochs=1"]);
    assert_eq!(deployment.wait(&next)["status"], "completed");
}

#[test]
fn a_worker_that_stops_in_order_puts_its_job_back() {
    let mut deployment = Deployment::start(2, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = deployment.submit(&inputs, &["epochs=40"]);
    deployment.wait_for(&job, trains);
    let first = deployment.worker_of(&job);
    assert!(
        deployment.workers[first].end(),
        "{}",
        deployment.workers[first].log()
    );
    let ended = deployment.wait(&job);
    assert_eq!(ended["status"], "completed", "{ended}");
    deployment.verify(&job);
}

#[test]
fn workers_with_one_key_are_told_apart_and_a_copy_of_a_folder_is_refused() {
    let deployment = Deployment::start(1, &[]);
    let mut second = deployment.namesake("worker-second");
    second.start();
    let names = deployment.worker_states(2);
    assert_eq!(names.len(), 2, "{names:?}");

    let mut copy = deployment.namesake("worker-copy");
    let folder = deployment.folder_of("worker-copy");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    let word = deployment.folder_of("worker-second").join("worker.id");
    std::fs::copy(word, folder.join("worker.id")).unwrap();
    // On a loaded machine the other one may say nothing for a while, and then counts as gone: so again.
    for times in 1.. {
        copy.start();
        let refused = deployment.until("the copy", || {
            let log = copy.log();
            match log.matches("worker ready").count() < times {
                _ if log.contains("its folder is a copy of this one") => Ok(true),
                true => Err(log.into()),
                false => Ok(false),
            }
        });
        if refused {
            break;
        }
        copy.kill();
    }
    assert!(!copy.wait());
    // The other one did not notice.
    assert_eq!(deployment.worker_states(2), names);
}
