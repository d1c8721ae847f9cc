use super::*;
use crate::db::Doorbell;

const LONG: Duration = Duration::from_secs(3600);

async fn take(db: &Db, limit: u32) -> Vec<Doorbell> {
    db.doorbells(limit, LONG).await.unwrap()
}

fn jobs(bells: &[Doorbell]) -> Vec<JobId> {
    bells.iter().map(|bell| bell.job).collect()
}

pub(crate) async fn doorbells_ring_until_they_are_heard(db: &Db) {
    let mut new = [new_job("one"), new_job("two"), new_job("three")];
    new[0].priority = Priority::Low;
    new[0].traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    for job in &new {
        db.insert_job(job).await.unwrap();
    }
    let [one, two, three] = [new[0].id, new[1].id, new[2].id];
    assert_eq!(db.overdue().await.unwrap(), 3);
    // Nobody said that they rang: they are given out again when their time is over.
    assert_eq!(bells(db).await, [one, two, three]);
    let first = take(db, 2).await;
    assert_eq!(jobs(&first), [one, two]);
    assert_eq!(
        (first[0].class, first[0].priority),
        (Class::Cpu, Priority::Low)
    );
    assert_eq!(first[0].traceparent, new[0].traceparent);
    assert_eq!(first[1].traceparent, None);
    // Nobody else is given them meanwhile.
    assert_eq!(db.overdue().await.unwrap(), 1);
    assert_eq!(jobs(&take(db, 9).await), [three]);
    assert!(bells(db).await.is_empty());

    // One that rang and was not heard rings again.
    db.rung(&first[..1], Duration::ZERO).await.unwrap();
    assert_eq!(bells(db).await, [one]);
    db.rung(&first, LONG).await.unwrap();
    assert!(bells(db).await.is_empty());
    // A claim needs no doorbell any more.
    db.claim(two, "w", LEASE).await.unwrap().unwrap();
    db.rung(&first[1..], Duration::ZERO).await.unwrap();
    assert!(bells(db).await.is_empty());
}

/// A doorbell that somebody found to be lost rings at once, and none rings for a job that does not wait.
pub(crate) async fn a_doorbell_rings_again_when_asked_to(db: &Db) {
    let new = new_job("lost");
    assert!(!db.ring_again(new.id).await.unwrap());
    db.insert_job(&new).await.unwrap();
    let rung = take(db, 9).await;
    db.rung(&rung, LONG).await.unwrap();
    assert!(bells(db).await.is_empty());
    assert!(db.ring_again(new.id).await.unwrap());
    assert_eq!(bells(db).await, [new.id]);
    db.claim(new.id, "w", LEASE).await.unwrap().unwrap();
    assert!(!db.ring_again(new.id).await.unwrap());
    assert!(bells(db).await.is_empty());
    // One that may not run yet rings when it may.
    db.put_back(new.id, 1, "the store was away", 3, LONG)
        .await
        .unwrap();
    assert!(db.ring_again(new.id).await.unwrap());
    assert!(bells(db).await.is_empty());
}

/// A job that is queued anew while its old doorbell rings keeps the new one.
pub(crate) async fn an_old_doorbell_is_not_taken_for_the_new_one(db: &Db) {
    let new = new_job("again");
    db.insert_job(&new).await.unwrap();
    let old = take(db, 9).await;
    db.claim(new.id, "w", LEASE).await.unwrap().unwrap();
    assert!(db.release(new.id, 1).await.unwrap());
    db.rung(&old, LONG).await.unwrap();
    assert_eq!(bells(db).await, [new.id]);
}

pub(crate) async fn several_relays_share_the_doorbells(db: &Db) {
    let mut ids = Vec::new();
    for _ in 0..60 {
        let new = new_job("one of many");
        db.insert_job(&new).await.unwrap();
        ids.push(new.id);
    }
    let relays = (0..6).map(|_| {
        let db = db.clone();
        async move {
            let mut taken = Vec::new();
            loop {
                let some = take(&db, 7).await;
                if some.is_empty() {
                    return taken;
                }
                db.rung(&some, LONG).await.unwrap();
                taken.extend(jobs(&some));
            }
        }
    });
    let mut taken: Vec<JobId> = at_once(relays).await.into_iter().flatten().collect();
    taken.sort();
    // None was given to two. One that another relay was just taking may have been left out by all; it comes later.
    taken.extend(bells(db).await);
    let before = taken.len();
    taken.sort();
    taken.dedup();
    assert_eq!((taken.len(), before), (ids.len(), ids.len()));
}
