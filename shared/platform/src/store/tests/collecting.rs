//! The collector, over a bucket of a real server and a database.

use super::*;
use crate::{
    db::{Db, DbError, sqlite::Sqlite, tests::contract},
    objects::{Collected, Collector, release, remove_own, remove_refused, revive},
    store::s3::S3,
};

const HOUR: Duration = Duration::from_secs(3600);

fn s3(on: &Fixture) -> &S3 {
    match &on.store {
        Store::S3(store) => store,
        Store::Folder(_) => panic!("no server"),
    }
}

async fn database(on: &Fixture) -> Db {
    let path = on.base.path().join("assay.db");
    Db::Sqlite(Sqlite::open(&path, Holds::default()).await.unwrap())
}

/// A job whose first artifact is this object, and whose others lie in the bucket, too.
async fn job_of(on: &Fixture, stored: Stored) -> crate::job::NewJob {
    let mut job = contract::new_job("named");
    for artifact in &mut job.artifacts[1..] {
        let other = on.store.put_bytes(artifact.path.as_bytes()).await.unwrap();
        (artifact.digest, artifact.bytes) = (other.digest, other.bytes);
    }
    (job.artifacts[0].digest, job.artifacts[0].bytes) = (stored.digest, stored.bytes);
    job
}

#[tokio::test]
async fn what_nothing_names_goes_when_it_is_old_and_nothing_else() {
    remote::on_a_bucket(async |on| {
        let db = database(on).await;
        let named = on.store.put_bytes(b"named").await.unwrap();
        let unnamed = on.store.put_bytes(b"unnamed").await.unwrap();
        let job = job_of(on, named).await;
        db.insert_job(&job).await.unwrap();
        // Somebody else's.
        on.bucket
            .as_ref()
            .unwrap()
            .put("objects/aa/readme", b"x")
            .await;

        let young = Collector::new(s3(on), &db, HOUR).run().await.unwrap();
        assert_eq!(young, Collected::default());
        on.store.verify(unnamed.digest).await.unwrap();
        // Two at once.
        let (one, two) = tokio::join!(
            Collector::new(s3(on), &db, Duration::ZERO).run(),
            Collector::new(s3(on), &db, Duration::ZERO).run()
        );
        // The later one may find it gone.
        let removed = one.unwrap().removed + two.unwrap().removed;
        assert!((1..=2).contains(&removed), "{removed}");
        let gone = on.store.verify(unnamed.digest).await.unwrap_err();
        assert!(matches!(gone, StoreError::Missing(_)));
        for artifact in &job.artifacts {
            on.store.verify(artifact.digest).await.unwrap();
        }

        // What is gone cannot be named; stored again and seen to be there, it can.
        let late = job_of(on, unnamed).await;
        let refused = db.insert_job(&late).await.unwrap_err();
        assert!(matches!(refused, DbError::Collected { digest } if digest == unnamed.digest));
        assert!(!revive(&on.store, &db, unnamed.digest).await.unwrap());
        on.store.put_bytes(b"unnamed").await.unwrap();
        assert!(revive(&on.store, &db, unnamed.digest).await.unwrap());
        db.insert_job(&late).await.unwrap();
        let again = Collector::new(s3(on), &db, Duration::ZERO)
            .run()
            .await
            .unwrap();
        assert_eq!(again, Collected::default());
        on.store.verify(unnamed.digest).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_ones_own_goes_at_once_unless_it_is_named() {
    remote::on_a_bucket(async |on| {
        let db = database(on).await;
        let named = on.store.put_bytes(b"the newest checkpoint").await.unwrap();
        let older = on.store.put_bytes(b"the one before").await.unwrap();
        db.insert_job(&job_of(on, named).await).await.unwrap();
        for digest in [named.digest, older.digest] {
            remove_own(&on.store, &db, digest).await.unwrap();
        }
        on.store.verify(named.digest).await.unwrap();
        let gone = on.store.verify(older.digest).await.unwrap_err();
        assert!(matches!(gone, StoreError::Missing(_)), "{gone}");
        // Nothing is left to do, and the same bytes may come again.
        assert!(db.collecting(9).await.unwrap().is_empty());
        on.store.put_bytes(b"the one before").await.unwrap();
        assert!(revive(&on.store, &db, older.digest).await.unwrap());
        remove_own(&on.store, &db, older.digest).await.unwrap();
        remove_own(&on.store, &db, older.digest).await.unwrap();
        assert!(on.store.verify(older.digest).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_removal_that_was_broken_off_is_taken_up_when_its_claim_has_passed() {
    remote::on_a_bucket(async |on| {
        let db = database(on).await;
        let (begun, anew) = (
            on.store.put_bytes(b"begun").await.unwrap(),
            on.store.put_bytes(b"stored anew").await.unwrap(),
        );
        for digest in [begun.digest, anew.digest] {
            assert!(db.begin_collect(digest, HOUR).await.unwrap());
        }
        // Another's, for now.
        let waiting = Collector::new(s3(on), &db, Duration::ZERO)
            .run()
            .await
            .unwrap();
        assert_eq!(waiting, Collected::default());
        on.store.verify(begun.digest).await.unwrap();
        assert!(!revive(&on.store, &db, begun.digest).await.unwrap());
        // Young again, it is left, and may be named.
        let kept = Collector::new(s3(on), &db, HOUR).with_claim(Duration::ZERO);
        assert_eq!(kept.run().await.unwrap(), Collected::default());
        assert!(db.collecting(9).await.unwrap().is_empty());
        assert!(db.begin_collect(begun.digest, HOUR).await.unwrap());
        let taken = Collector::new(s3(on), &db, Duration::ZERO).with_claim(Duration::ZERO);
        assert_eq!(taken.run().await.unwrap().removed, 2);
        assert!(on.store.verify(begun.digest).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn what_a_refused_request_stored_goes_soon_unless_it_is_stored_again() {
    remote::on_a_bucket(async |on| {
        let db = database(on).await;
        let named = on.store.put_bytes(b"named").await.unwrap();
        let refused = on.store.put_bytes(b"refused").await.unwrap();
        db.insert_job(&job_of(on, named).await).await.unwrap();
        let moment = Duration::from_millis(1);
        db.note_refused(refused.digest, moment).await.unwrap();
        while db.refused(9).await.unwrap().is_empty() {
            tokio::time::sleep(moment).await;
        }
        for digest in [named.digest, refused.digest] {
            release(&on.store, &db, digest).await.unwrap();
        }
        // Noted anew: others may have stored the same bytes, so it is neither anybody's own nor old enough.
        assert!(db.unneeded(9).await.unwrap().is_empty());
        assert!(db.refused(9).await.unwrap().is_empty());
        for digest in [named.digest, refused.digest] {
            db.note_refused(digest, moment).await.unwrap();
        }
        while db.refused(9).await.unwrap().len() < 2 {
            tokio::time::sleep(moment).await;
        }
        let remove = async |digest, age| {
            remove_refused(&on.store, &db, digest, age).await.unwrap();
        };
        remove(refused.digest, HOUR).await;
        on.store.verify(refused.digest).await.unwrap();
        for digest in [named.digest, refused.digest] {
            remove(digest, Duration::ZERO).await;
            db.unneeded_settled(digest).await.unwrap();
        }
        on.store.verify(named.digest).await.unwrap();
        assert!(on.store.verify(refused.digest).await.is_err());
        assert!(db.refused(9).await.unwrap().is_empty());
    })
    .await;
}
