//! What people ask of workers that run: to take no more jobs, and to stop one.

use serde_json::Value;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    many::trains,
    support::{deployment::Deployment, server::Inputs},
};

/// Far longer than a wish needs to reach its worker: a loaded machine is slow.
const REACHED: Duration = Duration::seconds(20);

/// The names of the deployment's workers, in their order. Each says its name when it is ready.
fn names(deployment: &Deployment) -> Vec<String> {
    let listed = deployment.worker_states(2);
    let name = |log: &str| listed.keys().find(|name| log.contains(*name)).cloned();
    let logs = deployment.workers.iter().map(|worker| worker.log());
    logs.map(|log| name(&log).unwrap()).collect()
}

/// Jobs that each end well; gives the names of the workers that ran them.
fn run_some(deployment: &Deployment, inputs: &Inputs) -> Vec<String> {
    let jobs: Vec<String> = (0..3)
        .map(|_| deployment.submit(inputs, &["epochs=1"]))
        .collect();
    let ran = jobs.iter().map(|job| {
        let ended = deployment.wait(job);
        assert_eq!(ended["status"], "completed", "{ended}");
        ended["worker"].as_str().unwrap().to_owned()
    });
    ran.collect()
}

#[test]
fn a_drained_worker_finishes_its_job_and_the_other_takes_what_comes() {
    let deployment = Deployment::start(2, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    let names = names(&deployment);
    let job = deployment.submit(&inputs, &["epochs=40"]);
    deployment.wait_for(&job, trains);
    let (first, second) = match deployment.worker_of(&job) {
        0 => (0, 1),
        _ => (1, 0),
    };
    deployment.client(&["workers", "drain", &names[first]]);
    deployment.until_said(first, "draining: takes no new jobs");
    assert_eq!(deployment.worker_states(2)[&names[first]], "draining");
    let others = run_some(&deployment, &inputs);
    assert!(
        others.iter().all(|name| *name == names[second]),
        "{others:?}"
    );

    let ended = deployment.wait(&job);
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["attempt"], 1, "{ended}");
    assert_eq!(ended["worker"], names[first].as_str());
    // It is free now, and takes nothing all the same.
    let others = run_some(&deployment, &inputs);
    assert!(
        others.iter().all(|name| *name == names[second]),
        "{others:?}"
    );

    deployment.client(&["workers", "undrain", &names[first]]);
    deployment.until_said(first, "takes jobs again");
    deployment.client(&["workers", "drain", &names[second]]);
    deployment.until_said(second, "draining: takes no new jobs");
    let others = run_some(&deployment, &inputs);
    assert!(
        others.iter().all(|name| *name == names[first]),
        "{others:?}"
    );
}

/// When an event of this kind was written, by the database's clock.
fn at(events: &[Value], what: impl Fn(&Value) -> bool) -> OffsetDateTime {
    let found = events.iter().find(|entry| what(&entry["event"])).unwrap();
    OffsetDateTime::parse(found["at"].as_str().unwrap(), &Rfc3339).unwrap()
}

#[test]
fn a_wish_to_cancel_soon_ends_the_training_on_another_machine() {
    let deployment = Deployment::start(2, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("digits", dir.path());
    for _ in 0..3 {
        let job = deployment.submit(&inputs, &["epochs=100000"]);
        deployment.wait_for(&job, trains);
        deployment.client(&["cancel", &job]);
        assert_eq!(deployment.wait(&job)["status"], "cancelled");
        let events = deployment.events(&job);
        let asked = at(&events, |event| event["kind"] == "cancel_requested");
        // Written when the trainer has ended.
        let ended = at(&events, |event| event["status"] == "cancelled");
        println!(
            "from the wish to cancel to the trainer's end: {} ms",
            (ended - asked).whole_milliseconds()
        );
        assert!(ended - asked < REACHED, "{events:?}");
    }
}
