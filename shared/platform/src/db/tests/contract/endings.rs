use super::*;
use crate::{
    db::{Cancelled, Lease},
    job::{Failure, LoggedEvent, Status},
};
use assay_protocol::Fault;

fn failure() -> Failure {
    Failure {
        fault: Fault::dataset("dataset.empty", "the file has no rows"),
        detail: Some("last words".into()),
    }
}

pub(crate) async fn a_completed_job_shows_its_outputs_in_order(db: &Db) {
    let claim = claimed(db, "w").await;
    let (id, dir) = (claim.job.id, claim.job.unique_dir);
    db.log(id, 1, &[epoch_event(5)]).await.unwrap();
    assert!(db.complete(id, 1, &completion(dir)).await.unwrap());
    let status = db.status(id).await.unwrap().unwrap();
    assert_eq!(status.status, Status::Completed);
    assert_eq!(status.progress, Some(epoch(5)));
    let outputs = [
        "trained_model.keras",
        "metrics.json",
        "logs.txt",
        "aibom.json",
        "aibom.sig",
        "model.safetensors",
    ];
    assert_eq!(status.outputs, outputs);
    let artifacts = db.artifacts(id).await.unwrap();
    let names: Vec<&str> = artifacts.iter().skip(3).map(Artifact::name).collect();
    assert_eq!(names[..3], outputs[..3]);
    assert_eq!(artifacts.len(), 3 + 7);
    let job = db.job(id).await.unwrap().unwrap();
    assert_eq!(job.timings, Some(completion(dir).timings));
    assert!(job.times.finished_at >= job.times.started_at && job.failure.is_none());
    // Said again, because the answer was lost: it is so, and nothing is written twice.
    assert!(db.complete(id, 1, &completion(dir)).await.unwrap());
    assert_eq!(db.artifacts(id).await.unwrap().len(), 3 + 7);
    // Terminal states never change again.
    assert!(!db.complete(id, 2, &completion(dir)).await.unwrap());
    assert!(!db.cancelled(id, 1).await.unwrap());
    let timings = Timings::default();
    assert!(!db.fail(id, 1, &failure(), &[], &timings).await.unwrap());
    assert_eq!(db.job(id).await.unwrap().unwrap(), job);
    assert!(!db.release(id, 1).await.unwrap());
    assert_eq!(db.claim(id, "w", LEASE).await.unwrap(), None);
    assert_eq!(db.heartbeat(id, 1, LEASE).await.unwrap(), Lease::Lost);
    let cancel = db.cancel(id).await.unwrap();
    assert_eq!(cancel, Cancelled::AlreadyEnded(Status::Completed));
}

pub(crate) async fn a_failed_job_keeps_its_reason_and_logs(db: &Db) {
    let claim = claimed(db, "w").await;
    let (id, dir) = (claim.job.id, claim.job.unique_dir);
    let logs = [artifact(dir, "outputs/logs.txt", Role::Output)];
    let timings = Timings::default();
    assert!(!db.fail(id, 2, &failure(), &logs, &timings).await.unwrap());
    assert!(db.fail(id, 1, &failure(), &logs, &timings).await.unwrap());
    let status = db.status(id).await.unwrap().unwrap();
    assert_eq!(status.status, Status::Failed);
    assert_eq!(status.failure, Some(failure()));
    assert!(status.outputs.is_empty());
    assert_eq!(db.artifacts(id).await.unwrap().last(), logs.first());
    assert!(db.fail(id, 1, &failure(), &[], &timings).await.unwrap());
    let other = Failure {
        detail: None,
        ..failure()
    };
    assert!(!db.fail(id, 1, &other, &[], &timings).await.unwrap());
}

pub(crate) async fn cancelling(db: &Db) {
    assert_eq!(db.cancel(JobId::new()).await.unwrap(), Cancelled::NoSuchJob);
    let new = new_job("queued");
    db.insert_job(&new).await.unwrap();
    assert_eq!(db.cancel(new.id).await.unwrap(), Cancelled::AtOnce);
    assert!(db.queued().await.unwrap().is_empty());
    assert!(bells(db).await.is_empty());
    let again = db.cancel(new.id).await.unwrap();
    assert_eq!(again, Cancelled::AlreadyEnded(Status::Cancelled));
    assert_eq!(db.claim(new.id, "w", LEASE).await.unwrap(), None);

    let id = claimed(db, "w").await.job.id;
    assert_eq!(db.heartbeat(id, 1, LEASE).await.unwrap(), Lease::Held);
    assert_eq!(db.cancel(id).await.unwrap(), Cancelled::Requested);
    assert_eq!(db.cancel(id).await.unwrap(), Cancelled::Requested);
    let lease = db.heartbeat(id, 1, LEASE).await.unwrap();
    assert_eq!(lease, Lease::CancelRequested);
    assert!(db.cancelled(id, 1).await.unwrap());
    let job = db.job(id).await.unwrap().unwrap();
    assert_eq!(job.status, Status::Cancelled);
    assert!(job.times.finished_at.is_some());
    // Asked for twice, told once.
    let events = db.events(id, 0, 99).await.unwrap();
    let asked = |one: &&LoggedEvent| one.event == JobEvent::CancelRequested;
    assert_eq!(events.iter().filter(asked).count(), 1);
}

/// Whoever comes first: the job ends once, and what the two were told is what is written.
pub(crate) async fn completing_and_cancelling_race(db: &Db) {
    for round in 0..20 {
        let claim = claimed(db, "w").await;
        let (id, done) = (claim.job.id, completion(claim.job.unique_dir));
        let (completed, cancelled) = if round % 2 == 0 {
            tokio::join!(db.complete(id, 1, &done), db.cancelled(id, 1))
        } else {
            let (cancelled, completed) =
                tokio::join!(db.cancelled(id, 1), db.complete(id, 1, &done));
            (completed, cancelled)
        };
        let (completed, cancelled) = (completed.unwrap(), cancelled.unwrap());
        assert!(completed != cancelled);
        let job = db.job(id).await.unwrap().unwrap();
        let written = db.artifacts(id).await.unwrap().len();
        if completed {
            assert_eq!((job.status, written), (Status::Completed, 3 + 7));
        } else {
            assert_eq!((job.status, written), (Status::Cancelled, 3));
        }
    }
}
