//! Every end that a run can come to, and what of it is written.

use assay_platform::job::{JobEvent, Role, Status};
use assay_protocol::{Event, room};

use crate::support::Bench;

/// Runs a part that must fail; gives the code.
async fn failure(bench: &Bench, part: &str) -> String {
    let job = bench.run(part).await;
    assert_eq!(job.status, Status::Failed, "{part}");
    assert_eq!(job.attempt, 1, "{part} was tried again");
    let artifacts = bench.platform.db.artifacts(job.id).await.unwrap();
    let proof = [
        Role::TrainingLink,
        Role::Aibom,
        Role::AibomSignature,
        Role::ModelSignature,
    ];
    assert!(
        artifacts.iter().all(|one| !proof.contains(&one.role)),
        "{part} left proof: {artifacts:?}"
    );
    job.failure.unwrap().fault.code.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_run_completes_with_outputs_progress_and_timings() {
    let bench = Bench::new().await;
    let job = bench.run("done").await;
    assert_eq!(job.status, Status::Completed, "{:?}", job.failure);
    let outputs = bench.outputs(job.id).await;
    let mut names: Vec<_> = outputs.iter().map(|one| one.name().to_owned()).collect();
    names.sort();
    let mut expected = room::OUTPUTS.map(str::to_owned);
    expected.sort();
    assert_eq!(names, expected);
    let timings = job.timings.unwrap();
    assert!(timings.fetch_ms > 0.0 && timings.train_ms > 0.0 && timings.proof_ms > 0.0);
    let epochs = bench
        .events(job.id)
        .await
        .into_iter()
        .filter(|logged| {
            matches!(
                &logged.event,
                JobEvent::Trainer {
                    event: Event::Epoch(_)
                }
            )
        })
        .count();
    assert_eq!(epochs, 2);
    assert_eq!(job.progress.map(|last| (last.epoch, last.of)), Some((2, 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_fault_is_kept_with_its_field_and_its_log() {
    let bench = Bench::new().await;
    let job = bench.run("fault").await;
    let fault = job.failure.unwrap().fault;
    assert_eq!(fault.code, "dataset.column_type");
    assert_eq!(fault.field.as_deref(), Some("dataset"));
    assert_eq!(job.attempt, 1);
    let logs = bench.outputs(job.id).await;
    assert_eq!(logs.len(), 1);
    let text = bench
        .platform
        .store
        .read(logs[0].digest, 1024)
        .await
        .unwrap();
    assert_eq!(text, b"what went wrong\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_an_honest_end_completes() {
    let bench = Bench::new().await;
    for (part, expected) in [
        ("crash", "trainer.crashed"),
        ("forged", "trainer.exit_status"),
        ("silent", "trainer.exit_status"),
        ("missing", "trainer.outputs"),
        ("extra", "trainer.outputs"),
        ("symlink", "trainer.outputs"),
    ] {
        assert_eq!(failure(&bench, part).await, expected, "{part}");
        assert_eq!(bench.unnamed_objects().await, 0, "{part} left objects");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_its_time_fails_with_the_limit() {
    let bench = Bench::with(|config| config.sandbox.limits.wall_seconds = 1).await;
    assert_eq!(failure(&bench, "forever").await, "limit.time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_log_lines_is_cut_with_a_note() {
    let bench = Bench::new().await;
    let job = bench.run("flood").await;
    assert_eq!(job.status, Status::Completed, "{:?}", job.failure);
    let logs: Vec<_> = bench
        .events(job.id)
        .await
        .into_iter()
        .filter_map(|logged| match logged.event {
            JobEvent::Trainer {
                event: Event::Log { message, .. },
            } => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(logs.len(), 10_001);
    assert!(logs[10_000].contains("more than 10000"), "{}", logs[10_000]);
}
