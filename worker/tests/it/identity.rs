//! Rows of the database can be moved from one job to another without any key; a worker signs nothing for them.

use std::{sync::Arc, time::Duration};

use assay_platform::{
    Service,
    ids::{JobId, UniqueDir},
    job::{Job, NewJob, Priority, Status},
    keys::{FIRST, Keys, Role},
};

use crate::support::Bench;

/// Hands in a job as changed by `change` after the service signed it, and lets a worker have it.
async fn run(change: impl FnOnce(&mut NewJob)) -> (Bench, Job) {
    let bench = Bench::new().await;
    let mut job = bench.new_job("done", 2, Priority::Normal).await;
    change(&mut job);
    bench.platform.db.insert_job(&job).await.unwrap();
    let worker = bench.work();
    let ended = bench.ended(job.id).await;
    worker.stop().await;
    (bench, ended)
}

fn message(job: &Job) -> String {
    let fault = job.failure.as_ref().map(|failure| &failure.fault);
    let fault = fault.unwrap_or_else(|| panic!("{:?}", job.status));
    assert_eq!(fault.code, "platform.artifact_changed");
    fault.message.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_the_ingest_link_of_another_is_not_trained() {
    let (victim, mut attacker) = (JobId::new(), None);
    let (bench, job) = run(|job| attacker = Some(std::mem::replace(&mut job.id, victim))).await;
    assert_eq!((job.id, job.status), (victim, Status::Failed));
    let told = message(&job);
    let attacker = attacker.unwrap().to_string();
    assert!(told.contains(&attacker), "{told}");
    assert!(bench.outputs(victim).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_inputs_in_the_folder_of_another_is_not_trained() {
    let own = UniqueDir::new();
    let (_bench, job) = run(|job| job.unique_dir = own).await;
    assert_eq!(job.status, Status::Failed);
    assert!(message(&job).contains(&own.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_changed_their_roles_are_not_trained_on() {
    let (_bench, job) = run(|job| {
        let role = job.artifacts[0].role;
        job.artifacts[0].role = job.artifacts[1].role;
        job.artifacts[1].role = role;
    })
    .await;
    assert_eq!(job.status, Status::Failed);
    message(&job);
}

/// It was handed in before the worker's key was made.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_layout_does_not_name_a_worker_waits_for_one_that_it_names() {
    let mut bench = Bench::with(|config| config.scan.recheck = Duration::from_millis(20)).await;
    let secrets = bench.folder.path().join("assay/secrets");
    let id = bench.submit("done").await;
    Keys::add(&secrets, Role::Worker, "late").unwrap();
    let key_of = |name: &str| Arc::new(Keys::open_for(&secrets, Service::Worker, name).unwrap());
    bench.platform.keys = key_of("late");
    let late = bench.platform.keys.worker().unwrap().keyid().to_string();
    let worker = bench.work();
    let held = bench.until(id, |job| job.held.is_some()).await;
    worker.stop().await;
    let reason = held.held.unwrap();
    assert!(reason.contains(&late), "{reason}");
    bench.platform.keys = key_of(FIRST);
    let worker = bench.work();
    assert_eq!(bench.ended(id).await.status, Status::Completed);
    worker.stop().await;
}
