use super::*;
use crate::{
    db::{Claimer, Lease},
    job::{Failure, JobEvent, Status},
};
use assay_protocol::Fault;

pub(crate) async fn one_of_two_claimers_wins(db: &Db) {
    let new = new_job("wanted");
    db.insert_job(&new).await.unwrap();
    let claims = futures_util::future::join_all(
        ["a", "b", "c", "d"].map(|worker| db.claim(new.id, worker, LEASE)),
    )
    .await;
    let won: Vec<Claim> = claims.into_iter().filter_map(Result::unwrap).collect();
    let [claim] = won.as_slice() else {
        panic!("{} claims were granted", won.len());
    };
    assert_eq!((claim.attempt, claim.job.attempt), (1, 1));
    assert_eq!(claim.job.status, Status::Running);
    assert_eq!(claim.artifacts, new.artifacts);
    let job = db.job(new.id).await.unwrap().unwrap();
    assert_eq!(job, claim.job);
    assert!(db.queued().await.unwrap().is_empty());
}

/// A doorbell in the wrong queue, put there by mistake or on purpose, costs the job nothing.
pub(crate) async fn a_job_of_another_class_is_not_claimed(db: &Db) {
    let mut new = new_job("for a GPU");
    new.class = Class::Gpu;
    db.insert_job(&new).await.unwrap();
    let claim = async |class| {
        let claimer = Claimer {
            name: "w",
            keyid: None,
            class,
        };
        let claim = db.claim_again(new.id, claimer, LEASE, &mut None).await;
        claim.unwrap()
    };
    assert_eq!(claim(Some(Class::Cpu)).await, None);
    let job = job_of(db, new.id).await;
    assert_eq!((job.status, job.attempt), (Status::Queued, 0));
    assert_eq!(bells(db).await, [new.id]);
    assert_eq!(claim(Some(Class::Gpu)).await.unwrap().attempt, 1);
    assert!(db.release(new.id, 1).await.unwrap());
    // The one worker of an embedded queue takes every class.
    assert_eq!(claim(None).await.unwrap().attempt, 2);
}

pub(crate) async fn a_stale_attempt_can_do_nothing(db: &Db) {
    let claim = claimed(db, "slow").await;
    let (id, dir) = (claim.job.id, claim.job.unique_dir);
    run_out(db, id, 1).await;
    assert_eq!(db.expire_leases(3).await.unwrap(), [id]);
    let second = db.claim(id, "quick", LEASE).await.unwrap().unwrap();
    assert_eq!(second.attempt, 2);

    let failure = Failure {
        fault: Fault::without_field("trainer.x", "stale"),
        detail: None,
    };
    let before = db.events(id, 0, 99).await.unwrap();
    assert_eq!(db.heartbeat(id, 1, LEASE).await.unwrap(), Lease::Lost);
    assert!(!db.complete(id, 1, &completion(dir)).await.unwrap());
    assert!(
        !db.fail(id, 1, &failure, &[], &Timings::default())
            .await
            .unwrap()
    );
    assert!(!db.cancelled(id, 1).await.unwrap());
    assert!(!db.release(id, 1).await.unwrap());
    let status = JobEvent::Status {
        status: Status::Failed,
    };
    db.log(id, 1, &[status, epoch_event(1)]).await.unwrap();
    assert_eq!(db.events(id, 0, 99).await.unwrap(), before);
    assert_eq!(db.job(id).await.unwrap().unwrap(), second.job);
    assert_eq!(db.artifacts(id).await.unwrap().len(), 3);
    assert!(db.complete(id, 2, &completion(dir)).await.unwrap());
}

pub(crate) async fn released_jobs_are_queued_and_ring(db: &Db) {
    let id = claimed(db, "w").await.job.id;
    let resumed = JobEvent::Trainer {
        event: assay_protocol::Event::Resumed { epoch: 1 },
    };
    db.log(id, 1, &[resumed, epoch_event(2)]).await.unwrap();
    assert_eq!(job_of(db, id).await.resumed_from, Some(1));
    assert!(bells(db).await.is_empty());
    assert!(db.release(id, 1).await.unwrap());
    assert_eq!(bells(db).await, [id]);
    let job = job_of(db, id).await;
    assert_eq!(job.resumed_from, None);
    assert_eq!(
        (job.status, job.worker, job.progress),
        (Status::Queued, None, None)
    );

    db.claim(id, "w", LEASE).await.unwrap().unwrap();
    db.cancel(id).await.unwrap();
    assert!(db.release(id, 2).await.unwrap());
    assert_eq!(job_of(db, id).await.status, Status::Cancelled);
    assert!(bells(db).await.is_empty());
}

pub(crate) async fn leases_expire(db: &Db) {
    let id = claimed(db, "w").await.job.id;
    assert!(db.expire_leases(2).await.unwrap().is_empty());
    run_out(db, id, 1).await;
    // A heartbeat that comes before anybody has taken the job away keeps it.
    assert_eq!(db.heartbeat(id, 1, LEASE).await.unwrap(), Lease::Held);
    assert!(db.expire_leases(2).await.unwrap().is_empty());
    run_out(db, id, 1).await;
    assert_eq!(db.expire_leases(2).await.unwrap(), [id]);
    assert!(db.expire_leases(2).await.unwrap().is_empty());
    assert_eq!(bells(db).await, [id]);

    db.claim(id, "w", LEASE).await.unwrap().unwrap();
    run_out(db, id, 2).await;
    assert!(db.expire_leases(2).await.unwrap().is_empty());
    let job = job_of(db, id).await;
    assert_eq!(job.status, Status::Failed);
    assert_eq!(job.failure.unwrap().fault.code, "worker.lost");

    let id = claimed(db, "w").await.job.id;
    db.cancel(id).await.unwrap();
    run_out(db, id, 1).await;
    assert!(db.expire_leases(2).await.unwrap().is_empty());
    assert_eq!(job_of(db, id).await.status, Status::Cancelled);
}

/// More than one transaction takes, and several that look at once: each job is put back by one of them.
pub(crate) async fn many_leases_expire_once_each(db: &Db) {
    let mut ids = Vec::new();
    for _ in 0..130 {
        let id = claimed(db, "w").await.job.id;
        run_out(db, id, 1).await;
        ids.push(id);
    }
    let found = futures_util::future::join_all([(); 3].map(|()| db.expire_leases(3))).await;
    let mut found: Vec<JobId> = found.into_iter().flat_map(Result::unwrap).collect();
    found.sort();
    assert_eq!(found, ids);
    for id in ids {
        assert_eq!(job_of(db, id).await.lost, 1);
    }
}

/// Whoever comes first: either the attempt goes on, or the job is queued, and the attempt is told so.
pub(crate) async fn heartbeats_and_expiry_race(db: &Db) {
    for _ in 0..20 {
        let id = claimed(db, "w").await.job.id;
        run_out(db, id, 1).await;
        let (lease, expired) = tokio::join!(db.heartbeat(id, 1, LEASE), db.expire_leases(3));
        let (lease, expired) = (lease.unwrap(), expired.unwrap());
        let status = job_of(db, id).await.status;
        if expired == [id] {
            assert_eq!(status, Status::Queued);
            assert_eq!(db.heartbeat(id, 1, LEASE).await.unwrap(), Lease::Lost);
        } else {
            assert_eq!((lease, status), (Lease::Held, Status::Running));
        }
        db.cancel(id).await.unwrap();
        db.cancelled(id, 1).await.unwrap();
    }
}

pub(crate) async fn a_worker_that_starts_anew_recovers_its_jobs(db: &Db) {
    let mine = claimed(db, "me").await.job.id;
    let theirs = claimed(db, "them").await.job.id;
    assert_eq!(db.recover_worker("me", 3).await.unwrap(), [mine]);
    assert!(db.recover_worker("me", 3).await.unwrap().is_empty());
    let status = async |id| db.status(id).await.unwrap().unwrap().status;
    assert_eq!(status(mine).await, Status::Queued);
    assert_eq!(status(theirs).await, Status::Running);
    db.claim(mine, "me", LEASE).await.unwrap().unwrap();
    assert!(db.recover_worker("me", 2).await.unwrap().is_empty());
    assert_eq!(status(mine).await, Status::Failed);
}

pub(crate) async fn only_attempts_that_broke_use_up_a_job(db: &Db) {
    let id = claimed(db, "me").await.job.id;
    let lost = async || job_of(db, id).await.lost;
    // A worker may be restarted in order as often as its owner likes.
    for attempt in 1..=9 {
        assert!(db.release(id, attempt).await.unwrap());
        db.claim(id, "me", LEASE).await.unwrap().unwrap();
    }
    assert_eq!(lost().await, 0);

    run_out(db, id, 10).await;
    assert_eq!(db.expire_leases(4).await.unwrap(), [id]);
    assert_eq!(lost().await, 1);
    db.claim(id, "me", LEASE).await.unwrap().unwrap();
    assert_eq!(db.recover_worker("me", 4).await.unwrap(), [id]);
    assert_eq!(lost().await, 2);
    let claim = db.claim(id, "me", LEASE).await.unwrap().unwrap();
    assert_eq!((claim.attempt, claim.job.lost), (12, 2));
    let now = Duration::ZERO;
    let full = async |attempt| db.put_back(id, attempt, "the disk is full", 4, now).await;
    assert_eq!(full(11).await.unwrap(), None);
    assert_eq!(full(12).await.unwrap(), Some(Status::Queued));
    assert_eq!(lost().await, 3);
    db.claim(id, "me", LEASE).await.unwrap().unwrap();
    assert_eq!(full(13).await.unwrap(), Some(Status::Failed));
    let job = db.job(id).await.unwrap().unwrap();
    assert_eq!((job.status, job.lost), (Status::Failed, 4));
    let fault = job.failure.unwrap().fault;
    assert_eq!(fault.code, "worker.lost");
    let said = &fault.message;
    assert!(
        said.contains("4 attempts") && said.contains("the disk is full"),
        "{said}"
    );

    let id = claimed(db, "me").await.job.id;
    db.cancel(id).await.unwrap();
    let ended = db
        .put_back(id, 1, "the disk is full", 1, now)
        .await
        .unwrap();
    assert_eq!(ended, Some(Status::Cancelled));
}
