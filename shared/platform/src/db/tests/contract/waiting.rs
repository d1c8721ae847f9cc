use super::*;
use crate::{db::Claimer, job::Status, scan::ImageSeen, worker::WorkerRow};

const LONG: Duration = Duration::from_secs(3600);
/// Only a failure waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) async fn a_job_that_the_platform_failed_waits(db: &Db) {
    let id = claimed(db, "w").await.job.id;
    let put = db.put_back(id, 1, "the store was away", 3, LONG).await;
    assert_eq!(put.unwrap(), Some(Status::Queued));
    let job = job_of(db, id).await;
    assert_eq!((job.status, job.lost, job.held), (Status::Queued, 1, None));
    assert!(job.not_before > job.times.started_at.map(|at| at + LONG / 2));
    assert_eq!(db.claim(id, "w", LEASE).await.unwrap(), None);
    assert!(bells(db).await.is_empty());
    assert!(db.queued().await.unwrap().is_empty());
    let image = Digest::of(b"image");
    assert_eq!(db.release_holds(image).await.unwrap(), 0);
    assert!(bells(db).await.is_empty());

    // A moment is over at some time: until then nobody is told, and then everybody.
    let other = claimed(db, "w").await.job.id;
    let moment = Duration::from_millis(50);
    db.put_back(other, 1, "a hiccup", 3, moment).await.unwrap();
    let due = async {
        while bells(db).await != [other] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, due).await.unwrap();
    let claim = db.claim(other, "w", LEASE).await.unwrap().unwrap();
    assert_eq!((claim.attempt, claim.job.not_before), (2, None));
    // A job that waits can be cancelled.
    db.cancel(id).await.unwrap();
    let job = job_of(db, id).await;
    assert_eq!((job.status, job.not_before), (Status::Cancelled, None));
}

pub(crate) async fn a_held_job_says_why_and_runs_when_the_hold_is_released(db: &Db) {
    let id = claimed(db, "w").await.job.id;
    let (image, other) = (Digest::of(b"image"), Digest::of(b"another image"));
    let seen = ImageSeen::of("trainer", image, None);
    assert!(db.note_image(id, 1, &seen).await.unwrap());
    let reason = "the image has 2 critical vulnerabilities\0";
    assert!(!db.hold(id, 2, reason, LONG).await.unwrap());
    assert!(db.hold(id, 1, reason, LONG).await.unwrap());
    let job = job_of(db, id).await;
    assert_eq!((job.status, job.lost), (Status::Queued, 0));
    assert_eq!(job.held.as_deref(), Some(&reason[..reason.len() - 1]));
    assert_eq!(db.claim(id, "w", LEASE).await.unwrap(), None);
    assert!(bells(db).await.is_empty());

    // What is new of another image is no news for this job.
    assert_eq!(db.release_holds(other).await.unwrap(), 0);
    assert!(bells(db).await.is_empty());
    assert_eq!(db.release_holds(image).await.unwrap(), 1);
    assert_eq!(bells(db).await, [id]);
    let claim = db.claim(id, "w", LEASE).await.unwrap().unwrap();
    assert_eq!((claim.job.held, claim.job.lost), (None, 0));
    assert_eq!(db.release_holds(image).await.unwrap(), 0);
}

/// Each of many claims that come at once is granted to one.
pub(crate) async fn a_hundred_claims_of_fifty_jobs(db: &Db) {
    let mut ids = Vec::new();
    for _ in 0..50 {
        let new = new_job("wanted");
        db.insert_job(&new).await.unwrap();
        ids.push(new.id);
    }
    let claims = ids.iter().chain(ids.iter().rev()).map(|id| {
        let (db, id) = (db.clone(), *id);
        async move { db.claim(id, "w", LEASE).await.unwrap() }
    });
    let claims = at_once(claims.collect::<Vec<_>>()).await;
    let mut won: Vec<JobId> = claims
        .into_iter()
        .flatten()
        .map(|claim| claim.job.id)
        .collect();
    won.sort();
    assert_eq!(won, ids);
    for id in ids {
        assert_eq!(job_of(db, id).await.attempt, 1);
    }
}

pub(crate) async fn workers_are_known_and_can_be_drained(db: &Db) {
    assert!(db.workers().await.unwrap().is_empty());
    assert!(!db.drain("one", true).await.unwrap());
    let mut row = WorkerRow {
        name: "one".to_owned(),
        class: Class::Gpu,
        slots: 2,
        running: vec![JobId::new()],
        version: "1.2.3".to_owned(),
        image: Some("trainer:1".to_owned()),
        image_digest: Some(Digest::of(b"image")),
    };
    assert!(!db.worker_seen(&row).await.unwrap());
    assert!(db.drain("one", true).await.unwrap());
    row.running.clear();
    assert!(db.worker_seen(&row).await.unwrap());
    let states = db.workers().await.unwrap();
    assert_eq!((&states[0].row, states[0].draining), (&row, true));
    assert_eq!(states.len(), 1);
    // It ends and comes back: what it was told still holds.
    db.worker_gone("one").await.unwrap();
    assert!(db.workers().await.unwrap().is_empty());
    assert!(db.worker_seen(&row).await.unwrap());
    assert!(db.drain("one", false).await.unwrap());
    assert!(!db.worker_seen(&row).await.unwrap());
    db.worker_gone("one").await.unwrap();
    assert!(!db.drain("one", true).await.unwrap());
}

pub(crate) async fn a_claim_without_an_answer_is_found_by_who_made_it(db: &Db) {
    let id = claimed(db, "me").await.job.id;
    let again = async |worker: &'static str, mut tried: Option<u32>| {
        let claimer = Claimer {
            name: worker,
            ..Claimer::default()
        };
        let claim = db.claim_again(id, claimer, LEASE, &mut tried).await;
        claim
            .unwrap()
            .map(|claim| (claim.attempt, claim.artifacts.len()))
    };
    let artifacts = db.artifacts(id).await.unwrap().len();
    assert_eq!(again("me", Some(1)).await, Some((1, artifacts)));
    // Nobody else's, no other attempt, and not for who has not asked.
    assert_eq!(again("them", Some(1)).await, None);
    assert_eq!(again("me", Some(2)).await, None);
    assert_eq!(again("me", None).await, None);
    assert!(db.release(id, 1).await.unwrap());
    assert_eq!(again("me", Some(1)).await, Some((2, artifacts)));
}

pub(crate) async fn a_held_job_is_held_further_without_an_attempt(db: &Db) {
    let id = claimed(db, "w").await.job.id;
    let image = Digest::of(b"image");
    let unscanned = ImageSeen::of("trainer", image, None);
    assert!(db.note_image(id, 1, &unscanned).await.unwrap());
    // It runs.
    let further = async |seen: &ImageSeen, reason: &'static str| {
        db.still_held(id, seen, reason, LONG).await.unwrap()
    };
    assert!(!further(&unscanned, "nobody knows").await);
    assert!(
        db.hold(id, 1, "nobody knows", Duration::ZERO)
            .await
            .unwrap()
    );
    let before = db.events(id, 0, 100).await.unwrap();
    let seen = ImageSeen::of("trainer by another name", image, None);
    assert!(further(&seen, "two findings\0").await);
    let job = job_of(db, id).await;
    assert_eq!((job.status, job.attempt), (Status::Queued, 1));
    assert_eq!(job.held.as_deref(), Some("two findings"));
    assert_eq!(db.image_seen(id).await.unwrap(), Some(seen));
    assert_eq!(db.events(id, 0, 100).await.unwrap(), before);
    assert_eq!(db.claim(id, "w", LEASE).await.unwrap(), None);
    assert!(bells(db).await.is_empty());
    assert_eq!(db.release_holds(image).await.unwrap(), 1);
    assert_eq!(bells(db).await, [id]);
}
