//! What one worker cannot end, another does, on a machine, in a folder and with a key of its own.

use std::path::Path;

use assay_test_parts::names;
use serde_json::Value;

use super::{
    container::support::image,
    many::trains,
    resume::{output, training_link},
    support::{deployment::Deployment, program, proxy::Proxy, server::Inputs, text},
};

/// A checkpoint after every epoch.
const OFTEN: (&str, &str) = ("ASSAY__CHECKPOINTS__MIN_SECONDS", "0");
/// Enough that it is in the middle when its worker is killed.
const EPOCHS: &str = "epochs=60";

/// The worker with the job is killed after a checkpoint; the other one goes on, and the model is that of a training
/// that nobody disturbed.
fn goes_on_elsewhere(settings: &[(&str, &str)]) {
    let mut deployment = Deployment::start(2, settings);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let job = deployment.submit(&inputs, &[EPOCHS]);
    deployment.wait_for(&job, |job| job["checkpoint"]["epoch"].as_u64() >= Some(2));
    let first = deployment.worker_of(&job);
    deployment.workers[first].kill();
    let ended = deployment.wait(&job);
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["attempt"], 2, "{ended}");
    let epoch = ended["resumed_from"].as_u64().unwrap();
    assert!((2..60).contains(&epoch), "{ended}");
    assert_eq!(deployment.times(&job, "completed"), 1);

    let whole = deployment.submit(&inputs, &[EPOCHS]);
    let undisturbed = deployment.wait(&whole);
    assert_eq!(undisturbed["attempt"], 1, "{undisturbed}");
    let (resumed, whole) = (deployment.verify(&job), deployment.verify(&whole));
    for name in ["model.safetensors", "trained_model.keras", "metrics.json"] {
        assert!(output(&resumed, name) == output(&whole, name), "{name}");
    }
    names_the_checkpoint(&resumed, epoch);
}

/// The proof says from which epoch, and that another key than its own signed the checkpoint.
fn names_the_checkpoint(bundle: &Path, epoch: u64) {
    let link = training_link(bundle);
    let from = &link["signed"]["byproducts"]["resumed-from"];
    assert_eq!(
        (&from["epoch"], &from["attempt"]),
        (&epoch.into(), &1.into())
    );
    let signer = &link["signatures"][0]["keyid"];
    assert!(signer.is_string() && from["worker-keyid"].is_string());
    assert_ne!(&from["worker-keyid"], signer);
    let bom = std::fs::read_to_string(bundle.join("aibom.json")).unwrap();
    assert!(bom.contains("assay:resumed-from"));
}

#[test]
fn a_training_goes_on_from_its_checkpoint_at_another_worker() {
    goes_on_elsewhere(&[OFTEN]);
}

#[test]
fn a_training_in_a_container_goes_on_from_its_checkpoint_at_another_worker() {
    let image = image(text(&program("assay-trainer")));
    let host = names::of(names::DOCKER).unwrap();
    goes_on_elsewhere(&[
        OFTEN,
        ("ASSAY__SANDBOX__KIND", "docker"),
        ("ASSAY__DOCKER__HOST", &host),
        ("ASSAY__DOCKER__IMAGE", image.name()),
        ("ASSAY__DOCKER__CALL_SECONDS", "300"),
    ]);
}

/// Nothing is closed and nothing answers: the worker cannot know whether it still has the job, so it has not.
#[test]
fn a_worker_whose_database_hangs_gives_its_job_up_and_another_completes_it() {
    let mut deployment = Deployment::laid_out(2, &[]);
    let url = deployment.api.setting("ASSAY__DATABASE__URL").to_owned();
    let server = host_and_port(&url);
    let proxy = Proxy::before(server);
    let detour = url.replacen(server, &proxy.address(), 1);
    deployment.workers[0].set("ASSAY__DATABASE__URL", &detour);
    deployment.api.start();
    deployment.workers[0].start();
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    // It would go on for very long if nobody stopped it.
    let endless = deployment.submit(&inputs, &["epochs=100000"]);
    deployment.wait_for(&endless, trains);

    proxy.silence(true);
    deployment.until_said(0, "the lease could not be renewed in time");
    deployment.until_said(0, "attempt over");
    deployment.workers[1].start();
    let taken = deployment.wait_for(&endless, |job| job["attempt"] == 2 && trains(job));
    assert_eq!(taken["status"], "running", "{taken}");
    deployment.until_said(1, "job claimed");
    let short = deployment.submit(&inputs, &["epochs=1"]);
    deployment.client(&["cancel", &endless]);
    assert_eq!(deployment.wait(&endless)["status"], "cancelled");
    assert_eq!(deployment.wait(&short)["status"], "completed");

    proxy.silence(false);
    // It works again once the database answers: with the other one gone, there is nobody else.
    deployment.workers[1].kill();
    let next = deployment.submit(&inputs, &["epochs=1"]);
    assert_eq!(deployment.wait(&next)["status"], "completed");
    for job in [&short, &next] {
        assert_eq!(deployment.times(job, "completed"), 1);
        deployment.verify(job);
    }
    let events: Vec<Value> = deployment.events(&endless);
    let ended = |entry: &&Value| entry["event"]["status"] == "cancelled";
    assert_eq!(events.iter().filter(ended).count(), 1, "{events:?}");
    assert_eq!(deployment.job(&endless)["attempt"], 2);
}

/// Where a database's address leads.
fn host_and_port(url: &str) -> &str {
    let rest = url.split_once("://").unwrap().1;
    let place = rest.split_once('/').unwrap().0;
    place.rsplit_once('@').map_or(place, |(_, place)| place)
}
