//! What becomes of a job when it is the platform that fails.

use std::{fs, time::Duration};

use assay_platform::job::Status;
use time::OffsetDateTime;

use crate::support::Bench;

/// Makes it impossible to make a room, whoever runs this test: where rooms go there is a file.
fn break_rooms(bench: &Bench) {
    let rooms = bench.platform.rooms();
    fs::rename(&rooms, rooms.with_extension("away")).unwrap();
    fs::write(&rooms, "").unwrap();
}

fn mend_rooms(bench: &Bench) {
    let rooms = bench.platform.rooms();
    fs::remove_file(&rooms).unwrap();
    fs::rename(rooms.with_extension("away"), &rooms).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_after_the_platform_failed_it_and_says_why() {
    let wait = Duration::from_secs(3600);
    let bench = Bench::with(|config| {
        config.retry.first = wait;
        config.retry.longest = wait;
    })
    .await;
    break_rooms(&bench);
    let worker = bench.work();
    let id = bench.submit("done").await;
    let job = bench.until(id, |job| job.lost == 1).await;
    worker.stop().await;
    assert_eq!((job.status, job.attempt), (Status::Queued, 1));
    let said = job.held.unwrap();
    assert!(
        said.starts_with("the platform failed attempt 1: "),
        "{said}"
    );
    assert!(said.contains("os error"), "{said}");
    assert!(job.not_before.unwrap() > OffsetDateTime::now_utc() + wait / 4);
    assert_eq!(bench.job(id).await.attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_completes_once_the_platform_is_mended() {
    let bench = Bench::with(|config| config.max_attempts = 1000).await;
    break_rooms(&bench);
    let worker = bench.work();
    let id = bench.submit("done").await;
    bench.until(id, |job| job.lost >= 1).await;
    mend_rooms(&bench);
    let job = bench.ended(id).await;
    worker.stop().await;
    assert_eq!(job.status, Status::Completed, "{:?}", job.failure);
    assert!(job.held.is_none());
}
