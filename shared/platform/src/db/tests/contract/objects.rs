use super::*;
use crate::{
    checkpoint::Checkpoint,
    db::DbError,
    scan::{Component, Counts, Scan, ScanOutcome, Severity, Vulnerability},
};
use uuid::Uuid;

fn checkpoint(job: JobId, attempt: u32, epoch: u32) -> Checkpoint {
    Checkpoint {
        job,
        attempt,
        epoch,
        digest: Digest::of(&epoch.to_le_bytes()),
        bytes: 7,
        worker_keyid: "0a".repeat(32),
        signature: "c2lnbmVk".to_owned(),
    }
}

pub(crate) async fn only_the_newest_checkpoint_of_the_holder_is_kept(db: &Db) {
    let id = claimed(db, "w").await.job.id;
    assert_eq!(db.checkpoint(id).await.unwrap(), None);
    for epoch in [1, 2] {
        assert!(db.save_checkpoint(&checkpoint(id, 1, epoch)).await.unwrap());
    }
    assert!(!db.save_checkpoint(&checkpoint(id, 2, 3)).await.unwrap());
    let kept = checkpoint(id, 1, 2);
    assert_eq!(db.checkpoint(id).await.unwrap().as_ref(), Some(&kept));
    let older = checkpoint(id, 1, 1).digest;
    assert_eq!(db.unneeded(9).await.unwrap(), [older]);
    db.unneeded_settled(older).await.unwrap();
    // Said again, because an answer was lost: it is needed.
    assert!(db.save_checkpoint(&kept).await.unwrap());
    assert!(db.unneeded(9).await.unwrap().is_empty());
    let named = async |digest| db.object_is_referenced(digest).await.unwrap();
    assert!(named(kept.digest).await);
    assert!(!named(checkpoint(id, 1, 1).digest).await);
    let folder = &kept.digest.to_string()[..2];
    let under = db.objects_under(folder).await.unwrap();
    assert!(under.contains(&kept.digest));

    // It outlives the attempt, and no attempt after the one that has the job can replace it.
    assert!(db.release(id, 1).await.unwrap());
    db.claim(id, "other", LEASE).await.unwrap().unwrap();
    assert!(!db.save_checkpoint(&checkpoint(id, 1, 4)).await.unwrap());
    assert_eq!(db.checkpoint(id).await.unwrap(), Some(kept.clone()));
    assert!(db.save_checkpoint(&checkpoint(id, 2, 3)).await.unwrap());
    // It ends with the job.
    assert!(db.cancelled(id, 2).await.unwrap());
    assert_eq!(db.checkpoint(id).await.unwrap(), None);
    let last = checkpoint(id, 2, 3).digest;
    assert!(!named(last).await);
    let unneeded = db.unneeded(9).await.unwrap();
    assert_eq!(unneeded.len(), 2);
    assert!(unneeded.contains(&last) && unneeded.contains(&kept.digest));
}

pub(crate) fn scan(image: Digest, at: OffsetDateTime) -> Scan {
    let outcome = ScanOutcome::Findings;
    Scan {
        id: Uuid::now_v7(),
        image: "trainer:1".to_owned(),
        image_digest: image,
        component: Component::Trainer,
        scanned_at: at,
        trivy_version: Some("0.66.0".to_owned()),
        database_updated_at: None,
        database_stale: true,
        outcome,
        counts: Counts {
            high: 1,
            ..Counts::default()
        },
        vulnerabilities: vec![Vulnerability {
            id: "CVE-2024-0001".to_owned(),
            severity: Severity::High,
            package: "openssl".to_owned(),
            installed: "3.0.1".to_owned(),
            fixed: Some("3.0.2".to_owned()),
            title: None,
        }],
        json: None,
        cyclonedx: None,
        link: None,
        reason: None,
    }
}

/// Over all images, by the database's clock.
pub(crate) async fn it_is_known_when_a_scan_last_succeeded(db: &Db) {
    let none = db.scan_times().await.unwrap();
    assert_eq!((none.last_success, none.newest_failed), (None, false));
    let before = db.now().await.unwrap();
    db.record_scan(&scan(Digest::of(b"image"), before))
        .await
        .unwrap();
    let times = db.scan_times().await.unwrap();
    let (last, _) = times.last_success.unwrap();
    assert!(before <= last && !times.newest_failed);
    // A millisecond passes between them.
    while db.now().await.unwrap() <= last {}
    let failed = Scan {
        outcome: ScanOutcome::Failed,
        ..scan(Digest::of(b"other"), before)
    };
    db.record_scan(&failed).await.unwrap();
    let times = db.scan_times().await.unwrap();
    assert_eq!(times.last_success.unwrap().0, last);
    assert!(times.newest_failed);
}

/// By when it was written down, not by the time that it says itself.
pub(crate) async fn the_newest_scan_is_the_last_that_was_written(db: &Db) {
    let (image, other) = (Digest::of(b"image"), Digest::of(b"other"));
    assert_eq!(db.newest_scan(image).await.unwrap(), None);
    let before = db.now().await.unwrap();
    let day = Duration::from_secs(86_400);
    let mut wrong = Vec::new();
    for (image, said) in [
        (image, before + day),
        (other, before),
        (image, before - day),
    ] {
        let mut scan = scan(image, said);
        scan.link = Some(Digest::of(b"link"));
        db.record_scan(&scan).await.unwrap();
        // A millisecond passes between them.
        while db.now().await.unwrap() <= db.scans(1).await.unwrap()[0].scanned_at {}
        wrong.push(scan);
    }
    let newest = db.newest_scan(image).await.unwrap().unwrap();
    let after = db.now().await.unwrap();
    assert!(before <= newest.scanned_at && newest.scanned_at <= after);
    let mut last = wrong[2].clone();
    last.scanned_at = newest.scanned_at;
    assert_eq!(newest, last);
    // The same once more, as when its answer was lost, with something else in it.
    let again = Scan {
        outcome: ScanOutcome::Clean,
        ..wrong[2].clone()
    };
    db.record_scan(&again).await.unwrap();
    assert_eq!(db.newest_scan(image).await.unwrap(), Some(newest.clone()));
    assert!(db.object_is_referenced(Digest::of(b"link")).await.unwrap());
    let brief = db.newest_scan_brief(image).await.unwrap().unwrap();
    assert_eq!(
        (brief.id, brief.outcome, brief.scanned_at),
        (newest.id, newest.outcome, newest.scanned_at)
    );
    let unknown = Digest::of(b"unknown");
    assert_eq!(db.newest_scan_brief(unknown).await.unwrap(), None);
    let all = db.scans(10).await.unwrap();
    assert_eq!(
        all.iter().map(|scan| scan.id).collect::<Vec<_>>(),
        wrong.iter().rev().map(|scan| scan.id).collect::<Vec<_>>()
    );
    assert_eq!(db.scans(2).await.unwrap(), all[..2]);
}

/// How long an object is one collector's.
const CLAIM: Duration = Duration::from_secs(600);

pub(crate) async fn what_is_being_removed_cannot_be_named(db: &Db) {
    let new = new_job("late");
    let object = new.artifacts[1].digest;
    assert!(db.begin_collect(object, CLAIM).await.unwrap());
    // One's alone, until the claim has passed.
    assert!(!db.begin_collect(object, CLAIM).await.unwrap());
    assert!(db.begin_collect(object, Duration::ZERO).await.unwrap());
    assert!(!db.revive(object).await.unwrap());
    assert_eq!(db.collecting(9).await.unwrap(), [object]);
    let refused = db.insert_job(&new).await.unwrap_err();
    assert!(matches!(refused, DbError::Collected { digest } if digest == object));
    assert!(refused.is_passing());
    assert_eq!(db.job(new.id).await.unwrap(), None);

    // Gone: it cannot be named before somebody has seen it.
    db.collected(object).await.unwrap();
    assert!(db.collecting(9).await.unwrap().is_empty());
    assert!(db.insert_job(&new).await.is_err());
    db.forget_collected(CLAIM).await.unwrap();
    assert!(db.begin_collect(object, CLAIM).await.unwrap());
    db.collected(object).await.unwrap();
    assert!(db.revive(object).await.unwrap());
    assert!(!db.revive(object).await.unwrap());
    db.insert_job(&new).await.unwrap();
    assert!(!db.begin_collect(object, CLAIM).await.unwrap());

    // Checkpoints and scans name objects, too.
    let claim = db.claim(new.id, "w", LEASE).await.unwrap().unwrap();
    let checkpoint = checkpoint(new.id, claim.attempt, 1);
    assert!(db.begin_collect(checkpoint.digest, CLAIM).await.unwrap());
    assert!(db.save_checkpoint(&checkpoint).await.is_err());
    let mut scan = scan(Digest::of(b"image"), OffsetDateTime::now_utc());
    scan.link = Some(checkpoint.digest);
    assert!(db.record_scan(&scan).await.is_err());
    db.end_collect(checkpoint.digest).await.unwrap();
    assert!(db.save_checkpoint(&checkpoint).await.unwrap());
    assert!(!db.begin_collect(checkpoint.digest, CLAIM).await.unwrap());
}

/// Whoever comes first: the job is written, or the object is removed, never both.
pub(crate) async fn naming_and_removing_race(db: &Db) {
    for round in 0..20_u8 {
        let mut new = new_job("raced for");
        let object = Digest::of(&[round]);
        new.artifacts[0].digest = object;
        let (named, removed) = if round % 2 == 0 {
            tokio::join!(db.insert_job(&new), db.begin_collect(object, CLAIM))
        } else {
            let (removed, named) =
                tokio::join!(db.begin_collect(object, CLAIM), db.insert_job(&new));
            (named, removed)
        };
        assert_eq!(named.is_ok(), !removed.unwrap());
        let written = db.job(new.id).await.unwrap().is_some();
        assert_eq!(written, named.is_ok());
        db.end_collect(object).await.unwrap();
    }
}
