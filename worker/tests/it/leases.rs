//! Who may end a job: cancelling, losing a lease, stopping and restarting a worker.

use std::time::Duration;

use assay_platform::{
    Config,
    db::Cancelled,
    job::{Completion, Job, Status, Timings},
    worker::{process_name, signer_name},
};

use crate::support::{Bench, LONG, config, open};

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_to_cancel_stops_the_training() {
    let bench = Bench::new().await;
    let worker = bench.work();
    let id = bench.submit("forever").await;
    bench.running(id).await;
    let asked = bench.platform.db.cancel(id).await.unwrap();
    assert_eq!(asked, Cancelled::Requested);
    let job = tokio::time::timeout(Duration::from_secs(5), bench.ended(id))
        .await
        .unwrap();
    assert_eq!(job.status, Status::Cancelled);
    assert!(bench.outputs(id).await.is_empty());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_lost_its_lease_writes_nothing() {
    let bench = Bench::new().await;
    let worker = bench.work();
    let id = bench.submit("forever").await;
    let first = bench.running(id).await;
    let db = &bench.platform.db;

    // The lease runs out by the database's clock, and somebody else claims the job.
    let claim = loop {
        // The worker may have renewed it, or claimed the job again; it loses it again.
        let attempt = bench.job(id).await.attempt;
        let _lease = db.heartbeat(id, attempt, Duration::ZERO).await.unwrap();
        let _expired = db.expire_leases(1000).await.unwrap();
        if let Some(claim) = db.claim(id, "another", LONG).await.unwrap() {
            break claim;
        }
    };
    assert!(claim.attempt > first.attempt);
    let nothing = Completion {
        artifacts: Vec::new(),
        timings: Timings::default(),
    };
    assert!(!db.complete(id, first.attempt, &nothing).await.unwrap());
    worker.stop().await;

    let job = bench.job(id).await;
    assert_eq!(job.status, Status::Running);
    assert_eq!(job.worker.as_deref(), Some("another"));
    assert_eq!(job.attempt, claim.attempt);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_puts_running_jobs_back_within_two_seconds() {
    let bench = Bench::new().await;
    let worker = bench.work();
    let id = bench.submit("forever").await;
    bench.running(id).await;
    tokio::time::timeout(Duration::from_secs(2), worker.stop())
        .await
        .unwrap();
    let job = bench.job(id).await;
    assert_eq!(job.status, Status::Queued);
    assert_eq!(job.worker, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_makes_news_all_the_time_is_put_back_at_once() {
    let bench = Bench::new().await;
    let worker = bench.work();
    let id = bench.submit_for("short epochs", 100_000).await;
    let busy = |job: &Job| job.progress.as_ref().is_some_and(|last| last.epoch > 20);
    bench.until(id, busy).await;
    tokio::time::timeout(Duration::from_secs(1), worker.stop())
        .await
        .unwrap();
    let job = bench.job(id).await;
    assert_eq!((job.status, job.worker), (Status::Queued, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_worker_takes_up_its_job_and_completes_it_once() {
    let bench = Bench::new().await;
    // A claim by this very worker that nobody works on any more: what kill -9 leaves.
    let id = bench.submit("done").await;
    let signer = signer_name(bench.platform.keys.worker().unwrap().public());
    let name = process_name(&bench.platform.config.dir, &signer).unwrap();
    let lease = bench.platform.config.lease;
    let claim = bench.platform.db.claim(id, &name, lease).await.unwrap();
    assert_eq!(claim.unwrap().attempt, 1);
    let Bench { platform, folder } = bench;
    drop(platform);

    let platform = open(config(folder.path().join("assay"))).await;
    let bench = Bench { platform, folder };
    let worker = bench.work();
    let job = bench.ended(id).await;
    worker.stop().await;
    assert_eq!(job.status, Status::Completed, "{:?}", job.failure);
    assert_eq!(job.attempt, 2);
    assert_eq!(bench.times_became(id, Status::Completed).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_a_full_disk_leaves_jobs_alone_and_costs_none_an_attempt() {
    let full = |config: &mut Config| {
        config.max_attempts = 1;
        config.sandbox.keep_free_bytes = u64::MAX;
    };
    let bench = Bench::with(full).await;
    let first = bench.submit("done").await;
    let worker = bench.work();
    let job = bench.until(first, |job| job.held.is_some()).await;
    assert_eq!((job.status, job.lost), (Status::Queued, 0));
    let reason = job.held.unwrap();
    assert!(reason.contains("sandbox.keep_free_bytes"), "{reason}");
    let second = bench.submit("done").await;
    worker.stop().await;
    assert_eq!(bench.job(first).await.attempt, 1);
    assert_eq!(bench.job(second).await.attempt, 0);
    let Bench { platform, folder } = bench;
    drop(platform);

    let platform = open(config(folder.path().join("assay"))).await;
    let bench = Bench { platform, folder };
    let worker = bench.work();
    for id in [first, second] {
        let job = bench.ended(id).await;
        assert_eq!(job.status, Status::Completed, "{:?}", job.failure);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_jobs_again_once_its_rooms_are_there_again() {
    let bench = Bench::new().await;
    let (rooms, away) = (bench.platform.rooms(), bench.folder.path().join("away"));
    let worker = bench.work();
    std::fs::rename(&rooms, &away).unwrap();
    let id = bench.submit("done").await;
    bench.until(id, |job| job.lost > 0).await;
    std::fs::rename(&away, &rooms).unwrap();
    let job = bench.ended(id).await;
    worker.stop().await;
    assert_eq!(job.status, Status::Completed, "{:?}", job.failure);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_nobody_renews_is_reaped_and_the_job_runs() {
    let bench = Bench::with(|config| config.lease = Duration::from_millis(400)).await;
    let id = bench.submit("done").await;
    let lease = bench.platform.config.lease;
    let claim = bench.platform.db.claim(id, "silent", lease).await.unwrap();
    assert!(claim.is_some());
    let worker = bench.work();
    let job = bench.ended(id).await;
    worker.stop().await;
    assert_eq!(job.status, Status::Completed, "{:?}", job.failure);
    assert_eq!(job.attempt, 2);
}
