//! Whole jobs, from the form to the proof, each in a container of its own.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use assay_test_parts::{Image, names};
use serde_json::Value;

use super::support::{image, until_containers};
use crate::support::{
    program,
    server::{Folder, Inputs, Server},
};

/// A server whose jobs train in containers.
fn server(folder: Folder, image: &Image) -> Server {
    let host = names::of(names::DOCKER).unwrap();
    Server::over(
        folder,
        &[
            ("ASSAY__SANDBOX__KIND", "docker"),
            ("ASSAY__DOCKER__HOST", &host),
            ("ASSAY__DOCKER__IMAGE", image.name()),
            ("ASSAY__DOCKER__CALL_SECONDS", "300"),
        ],
    )
}

fn trainer() -> Arc<Image> {
    image(program("assay-trainer").to_str().unwrap())
}

fn wait_for(server: &Server, id: &str, what: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let job = server.http().get(&format!("/jobs/{id}")).json();
        if what(&job) {
            return job;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(300),
            "{id} stays {job}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_on<T>(asked: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(asked)
}

fn ended(job: &Value) -> bool {
    !matches!(job["status"].as_str(), Some("queued" | "running"))
}

/// The `run_training` link of a bundle.
fn link(bundle: &std::path::Path) -> Value {
    let files = std::fs::read_dir(bundle).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    let link = files.find(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("run_training.")
    });
    serde_json::from_slice(&std::fs::read(link.unwrap()).unwrap()).unwrap()
}

#[test]
fn the_proof_names_container_image_and_program() {
    let image = trainer();
    let server = server(Folder::new(), &image);
    let job = server.train("wine", &["epochs=2"]);
    let dir = tempfile::tempdir().unwrap();
    let bundle = server.bundle(&job, dir.path());
    server.client(&["verify", bundle.to_str().unwrap()]);

    let link = link(&bundle);
    let environment = &link["signed"]["environment"];
    let isolation = &environment["isolation"];
    let id = image.id().unwrap();
    assert_eq!(isolation["sandbox"], "docker");
    assert_eq!(
        isolation["container"]["image-digest"],
        Value::from(id.clone())
    );
    assert_eq!(isolation["container"]["image"], image.name());
    // The list of workers names it, too.
    let listed = server.http().get("/workers").json();
    let worker = &listed["workers"][0];
    assert_eq!(worker["image"], image.name());
    let digest = worker["image_digest"].as_str().unwrap();
    assert_eq!(format!("sha256:{digest}"), id);
    assert!(server.client(&["workers"]).contains(&digest[..12]));
    let container = isolation["container"]["id"].as_str().unwrap();
    assert_eq!(container.len(), 64);
    let trainer = std::fs::read(program("assay-trainer")).unwrap();
    let digest = assay_attest::Digest::of(&trainer).to_string();
    assert_eq!(
        environment["trainer"]["program-sha256"],
        Value::from(digest)
    );
    let aibom = std::fs::read_to_string(bundle.join("aibom.json")).unwrap();
    for named in [id.as_str(), container, image.name()] {
        assert!(aibom.contains(named), "{named}");
    }

    // The same model as without a container.
    let plain = Server::start();
    let other = plain.train("wine", &["epochs=2"]);
    // Another owner, and so another parent folder.
    let apart = tempfile::tempdir().unwrap();
    let other = plain.bundle(&other, apart.path());
    let weights = |bundle: &std::path::Path| {
        let files = crate::support::files(bundle);
        let path = files
            .iter()
            .find(|path| path.ends_with("model.safetensors"));
        std::fs::read(bundle.join(path.unwrap())).unwrap()
    };
    assert!(weights(&bundle) == weights(&other), "the models differ");
}

#[test]
fn a_killed_server_leaves_no_container_and_no_job() {
    let image = trainer();
    let first = server(Folder::new(), &image);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = first.submit(&inputs, &["epochs=150"]);
    wait_for(&first, &job, |job| {
        job["progress"]["epoch"].as_u64() >= Some(1)
    });
    let rooms = first.data().join("rooms");
    wait_on(until_containers(&rooms, 1));

    let second = server(first.kill(), &image);
    let done = wait_for(&second, &job, ended);
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["attempt"], 2);
    wait_on(until_containers(&rooms, 0));
    let bundle = second.bundle(&job, dir.path());
    second.client(&["verify", bundle.to_str().unwrap()]);
}

#[test]
fn cancelling_a_job_ends_its_container() {
    let image = trainer();
    let server = server(Folder::new(), &image);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = server.submit(&inputs, &["epochs=100000"]);
    wait_for(&server, &job, |job| {
        job["progress"]["epoch"].as_u64() >= Some(1)
    });
    server.client(&["cancel", &job]);
    let done = wait_for(&server, &job, ended);
    assert_eq!(done["status"], "cancelled", "{done}");
    wait_on(until_containers(&server.data().join("rooms"), 0));
}
