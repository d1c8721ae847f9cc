//! A worker in the list of workers, and what it is told there.

use std::time::Duration;

use assay_platform::{
    db::Db,
    job::{Priority, Status},
    store::Holds,
    worker::WorkerState,
};

use crate::support::{Bench, LONG};

/// Waits until the list of workers is as it should be.
async fn listed(bench: &Bench, what: &str, holds: impl Fn(&[WorkerState]) -> bool) {
    let asked = async {
        while !holds(&bench.platform.db.workers().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(LONG, asked).await;
    assert!(in_time.is_ok(), "waited in vain for {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_listed_with_what_it_runs_while_it_is_there() {
    let bench = Bench::new().await;
    let worker = bench.work();
    let id = bench.submit("forever").await;
    listed(
        &bench,
        "the job on the list",
        |workers| matches!(workers, [only] if only.row.running == [id] && only.row.slots == 1),
    )
    .await;
    worker.stop().await;
    listed(&bench, "an empty list", <[_]>::is_empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_worker_finishes_what_it_runs_and_takes_nothing_new() {
    let bench = Bench::new().await;
    let worker = bench.work();
    let running = bench.submit("forever").await;
    bench.running(running).await;
    let db = &bench.platform.db;
    listed(&bench, "the worker", |workers| !workers.is_empty()).await;
    let name = db.workers().await.unwrap().remove(0).row.name;
    assert!(db.drain(&name, true).await.unwrap());
    // It learns of it when it next says something; from the second time on it surely knows.
    for _ in 0..2 {
        let seen = db.workers().await.unwrap().remove(0).seen_at;
        listed(&bench, "word of the worker", |workers| {
            workers.iter().any(|one| one.draining && one.seen_at > seen)
        })
        .await;
    }
    assert_eq!(bench.job(running).await.status, Status::Running);
    db.cancel(running).await.unwrap();
    bench.ended(running).await;
    let waiting = bench.submit("done").await;
    let seen = db.workers().await.unwrap().remove(0).seen_at;
    listed(&bench, "word of the worker", |workers| {
        workers.iter().any(|one| one.seen_at > seen)
    })
    .await;
    assert_eq!(bench.job(waiting).await.status, Status::Queued);
    assert!(db.drain(&name, false).await.unwrap());
    assert_eq!(bench.ended(waiting).await.status, Status::Completed);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_to_cancel_from_elsewhere_reaches_the_worker_without_news() {
    let bench = Bench::new().await;
    let worker = bench.work();
    let id = bench.submit("forever").await;
    bench.running(id).await;
    // As another process would: whoever writes here tells nobody in this one.
    let elsewhere = Db::open(&bench.platform.config, Holds::default())
        .await
        .unwrap();
    elsewhere.cancel(id).await.unwrap();
    let ended = async {
        while !bench.job(id).await.status.is_terminal() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, ended).await.is_ok());
    assert_eq!(bench.job(id).await.status, Status::Cancelled);
    worker.stop().await;
    elsewhere.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn urgent_jobs_go_first_also_after_a_restart() {
    let bench = Bench::new().await;
    let mut jobs = Vec::new();
    for priority in [Priority::Low, Priority::High, Priority::Normal] {
        jobs.push(bench.submit_at("done", priority).await);
    }
    let worker = bench.work();
    let mut started = Vec::new();
    for id in &jobs {
        started.push(bench.ended(*id).await.times.started_at.unwrap());
    }
    worker.stop().await;
    assert!(
        started[1] < started[2] && started[2] < started[0],
        "{started:?}"
    );
}
