//! Same inputs, parameters, seed and program: same bytes, whatever the number of threads.

use serde_json::Value;

use super::support::server::{Folder, Server};

fn weights(server: &Server, job: &str) -> String {
    let artifacts: Value =
        serde_json::from_str(&server.client(&["artifacts", "--json", job])).unwrap();
    artifacts
        .as_array()
        .unwrap()
        .iter()
        .find(|artifact| {
            artifact["path"]
                .as_str()
                .unwrap()
                .ends_with("/outputs/model.safetensors")
        })
        .unwrap()["sha256"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn the_same_seed_gives_the_same_weights_with_one_thread_and_with_two() {
    let digests: Vec<[String; 2]> = ["1", "2"]
        .iter()
        .map(|threads| {
            let server = Server::over(Folder::new(), &[("ASSAY__TRAINER_THREADS", threads)]);
            ["digits", "wine"].map(|sample| {
                let job = server.train(sample, &["epochs=2", "seed=11"]);
                weights(&server, &job)
            })
        })
        .collect();
    assert_eq!(digests[0], digests[1]);

    let server = Server::start();
    let other = server.train("wine", &["epochs=2", "seed=12"]);
    assert_ne!(weights(&server, &other), digests[0][1], "the seed matters");
}
