//! Power cuts: nothing is lost, nothing is done twice.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::server::{Inputs, Server};

fn job(server: &Server, id: &str) -> Value {
    server.http().get(&format!("/jobs/{id}")).json()
}

fn wait_for(server: &Server, id: &str, what: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let state = job(server, id);
        if what(&state) {
            return state;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{id} stays {state}"
        );
        // Polling a state, not guessing how long a thing takes.
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn defect_03_killed_in_the_middle_of_a_job_it_completes_once_after_a_restart() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let running = server.submit(&inputs, &["epochs=25"]);
    let queued = server.submit(&inputs, &["epochs=1"]);
    wait_for(&server, &running, |job| {
        job["progress"]["epoch"].as_u64() >= Some(2)
    });

    let server = Server::over(server.kill(), &[]);
    for id in [&running, &queued] {
        let ended = wait_for(&server, id, |job| {
            !matches!(job["status"].as_str(), Some("queued" | "running"))
        });
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    assert_eq!(job(&server, &running)["attempt"], 2);

    // One set of outputs and one proof, which verifies.
    let bundle = server.bundle(&running, dir.path());
    server.client(&["verify", bundle.to_str().unwrap()]);
    let completed = server.http().get("/jobs?status=completed").json();
    assert_eq!(completed["jobs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_second_server_over_the_same_folder_is_refused() {
    let server = Server::start();
    let data = server.data();
    let second = super::support::run(&[
        "up",
        "--listen",
        "127.0.0.1:0",
        "--dir",
        data.to_str().unwrap(),
    ]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("in use"), "{said}");
}
