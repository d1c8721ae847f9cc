use assay_attest::{KeyId, SigningKey};

use super::*;
use crate::{
    db::{Claimer, Reproducing},
    job::{NewReproduction, Status},
};

/// A completed job, and the id of the key that trained it.
pub(crate) async fn completed(db: &Db) -> (JobId, KeyId) {
    let claim = claimed(db, "trainer").await;
    let (id, dir) = (claim.job.id, claim.job.unique_dir);
    assert!(db.complete(id, 1, &completion(dir)).await.unwrap());
    (id, SigningKey::generate().keyid())
}

/// A job to reproduce this one, by another key than that.
pub(crate) fn reproduction(of: JobId, key: KeyId) -> NewReproduction {
    NewReproduction {
        id: JobId::new(),
        unique_dir: UniqueDir::new(),
        of,
        other_than: vec![SigningKey::generate().keyid(), key],
        traceparent: None,
        submitted_at: OffsetDateTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_456),
    }
}

/// What a witness leaves.
pub(crate) fn witnessed(dir: UniqueDir) -> Completion {
    Completion {
        artifacts: vec![artifact(dir, "witness.0c.link", Role::WitnessLink)],
        timings: Timings::default(),
    }
}

fn worker(keyid: KeyId) -> Claimer<'static> {
    Claimer {
        name: "w",
        keyid: Some(keyid),
        class: Some(Class::Cpu),
    }
}

pub(crate) async fn a_reproduction_is_for_another_key_and_one_at_a_time(db: &Db) {
    let (of, key) = completed(db).await;
    let original = job_of(db, of).await;
    let (first, second) = (reproduction(of, key), reproduction(of, key));
    let under_way = |new| {
        let job = first.id;
        Some(Reproducing { job, new })
    };
    assert_eq!(db.reproduce(&first).await.unwrap(), under_way(true));
    // Said again, and asked for again.
    assert_eq!(db.reproduce(&first).await.unwrap(), under_way(true));
    assert_eq!(db.reproduce(&second).await.unwrap(), under_way(false));
    assert!(bells(db).await.contains(&first.id));
    let queued = job_of(db, first.id).await;
    assert_eq!(queued.reproduces, Some(of));
    assert_eq!(queued.request, original.request);
    assert_eq!((queued.status, queued.attempt), (Status::Queued, 0));

    let claim = async |keyid| {
        db.claim_again(first.id, worker(keyid), LEASE, &mut None)
            .await
            .unwrap()
    };
    for excluded in &first.other_than {
        assert_eq!(claim(*excluded).await, None);
    }
    let other = SigningKey::generate().keyid();
    assert_eq!(claim(other).await.unwrap().attempt, 1);
    assert_eq!(db.reproduce(&second).await.unwrap(), under_way(false));
    // The next attempt is not the trainer's either.
    assert!(db.release(first.id, 1).await.unwrap());
    assert_eq!(claim(key).await, None);
    assert_eq!(claim(other).await.unwrap().attempt, 2);
    let done = witnessed(first.unique_dir);
    assert!(db.complete(first.id, 2, &done).await.unwrap());

    let again = db.reproduce(&second).await.unwrap();
    let job = second.id;
    assert_eq!(again, Some(Reproducing { job, new: true }));
    let listed = db.reproductions(of).await.unwrap();
    let ids: Vec<JobId> = listed.iter().map(|job| job.id).collect();
    assert_eq!(ids, [second.id, first.id]);

    // What is no completed training cannot be reproduced.
    let waits = new_job("waits");
    db.insert_job(&waits).await.unwrap();
    for of in [waits.id, first.id, JobId::new()] {
        let refused = db.reproduce(&reproduction(of, key)).await.unwrap();
        assert_eq!(refused, None);
    }
}

pub(crate) async fn a_doorbell_that_is_for_others_rings_for_them(db: &Db) {
    let (of, key) = completed(db).await;
    let new = reproduction(of, key);
    db.reproduce(&new).await.unwrap();
    let rung = db.doorbells(99, LEASE).await.unwrap();
    let other = SigningKey::generate().keyid();
    let leave = async |keyid, after| {
        let left = db.leave_to_others(new.id, keyid, "not for this key", after);
        left.await.unwrap()
    };
    assert!(!leave(other, Duration::ZERO).await);
    assert!(leave(key, Duration::ZERO).await);
    // The relay notes late that it rang: that was the doorbell before.
    db.rung(&rung, LEASE).await.unwrap();
    assert_eq!(bells(db).await, [new.id]);
    let held = job_of(db, new.id).await;
    assert_eq!(held.held.as_deref(), Some("not for this key"));
    assert!(leave(key, LEASE).await);
    assert!(bells(db).await.is_empty());
    let mut tried = None;
    let claim = db.claim_again(new.id, worker(other), LEASE, &mut tried);
    assert_eq!(claim.await.unwrap().unwrap().job.held, None);
    assert!(!leave(key, Duration::ZERO).await);
}
