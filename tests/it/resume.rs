//! A training that is interrupted and gone on with gives the bytes of one that was not.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;

use crate::support::{
    files,
    server::{Inputs, Server},
};

/// A checkpoint after every epoch.
const OFTEN: [(&str, &str); 1] = [("ASSAY__CHECKPOINTS__MIN_SECONDS", "0")];
/// Long enough to be interrupted in the middle.
const EPOCHS: &str = "epochs=25";

/// Waits until the job's log has a line with `text`; gives the log.
fn wait_for_line(server: &Server, job: &str, text: &str) -> String {
    let begun = std::time::Instant::now();
    loop {
        let log = server.client(&["logs", job]);
        if log.contains(text) {
            return log;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{log}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn output(bundle: &Path, name: &str) -> Vec<u8> {
    let path = files(bundle)
        .into_iter()
        .find(|path| path.ends_with(format!("outputs/{name}")))
        .unwrap();
    fs::read(bundle.join(path)).unwrap()
}

pub(crate) fn training_link(bundle: &Path) -> Value {
    let path = files(bundle)
        .into_iter()
        .find(|path| path.to_string_lossy().starts_with("run_training."))
        .unwrap();
    serde_json::from_slice(&fs::read(bundle.join(path)).unwrap()).unwrap()
}

#[test]
fn killed_in_the_middle_a_job_goes_on_from_its_checkpoint_and_gives_the_same_bytes() {
    let server = Server::over(crate::support::server::Folder::new(), &OFTEN);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = server.submit(&inputs, &[EPOCHS]);
    wait_for_line(&server, &job, "checkpoint after epoch 2 ");

    let server = Server::over(server.kill(), &OFTEN);
    let log = server.client(&["logs", "-f", &job]);
    assert!(
        log.contains("goes on from the checkpoint after epoch"),
        "{log}"
    );
    let resumed = server.http().get(&format!("/jobs/{job}")).json();
    assert_eq!(resumed["status"], "completed", "{resumed}");
    assert_eq!(resumed["attempt"], 2);
    let epoch = resumed["resumed_from"].as_u64().unwrap();
    assert!((2..25).contains(&epoch), "{resumed}");
    assert!(
        server
            .client(&["status", &job])
            .contains("from a checkpoint after epoch"),
    );

    let whole = server.submit(&inputs, &[EPOCHS]);
    server.client(&["logs", "-f", &whole]);
    let (resumed, whole) = (
        server.bundle(&job, dir.path()),
        server.bundle(&whole, dir.path()),
    );
    server.client(&["verify", resumed.to_str().unwrap()]);
    for name in ["model.safetensors", "trained_model.keras", "metrics.json"] {
        assert!(output(&resumed, name) == output(&whole, name), "{name}");
    }
    let byproducts = |bundle: &Path| training_link(bundle)["signed"]["byproducts"].clone();
    assert_eq!(byproducts(&resumed)["resumed-from"]["epoch"], epoch);
    assert!(byproducts(&whole).get("resumed-from").is_none());
    let bom = fs::read_to_string(resumed.join("aibom.json")).unwrap();
    assert!(bom.contains("assay:resumed-from"));
}
