use assay_attest::Digest;
use time::OffsetDateTime;

use super::*;
use crate::{
    db::{Db, tests::contract},
    scan::ScanOutcome,
};

/// A database in a folder that lives as long as it does.
async fn database() -> (tempfile::TempDir, Db) {
    let base = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&base.path().join("assay.db"), Holds::default())
        .await
        .unwrap();
    (base, Db::Sqlite(db))
}

macro_rules! run {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            let (_base, db) = database().await;
            contract::$name(&db).await;
        })*
    };
}

contract::all!(run);

#[tokio::test]
async fn what_was_written_is_there_when_it_is_opened_again() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("assay.db");
    let job = contract::new_job("kept");
    let db = Db::Sqlite(Sqlite::open(&path, Holds::default()).await.unwrap());
    db.insert_job(&job).await.unwrap();
    db.close().await;
    let db = Db::Sqlite(Sqlite::open(&path, Holds::default()).await.unwrap());
    let queued = db.queued().await.unwrap();
    assert_eq!(
        queued.iter().map(|bell| bell.job).collect::<Vec<_>>(),
        [job.id]
    );
    assert_eq!(
        db.artifacts(job.id).await.unwrap().len(),
        job.artifacts.len()
    );
}

#[tokio::test]
async fn the_writer_syncs_and_checks_references() {
    let base = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&base.path().join("assay.db"), Holds::default())
        .await
        .unwrap();
    let pragma = async |name: &'static str| -> String {
        let (value,): (String,) = sqlx::query_as(name).fetch_one(&db.writer).await.unwrap();
        value
    };
    assert_eq!(
        pragma("SELECT journal_mode FROM pragma_journal_mode").await,
        "wal"
    );
    assert_eq!(
        pragma("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await,
        "2"
    );
    assert_eq!(
        pragma("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys").await,
        "1"
    );
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_an_error_that_names_the_job() {
    let base = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&base.path().join("assay.db"), Holds::default())
        .await
        .unwrap();
    let job = contract::new_job("spoilt");
    db.insert_job(&job).await.unwrap();
    sqlx::query("UPDATE jobs SET request = '{', outputs = '[1]'")
        .execute(&db.writer)
        .await
        .unwrap();
    for error in [
        db.job(job.id).await.unwrap_err(),
        db.status(job.id).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains(&job.id.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_scan_whose_row_was_changed_is_no_knowledge() {
    let (_base, db) = database().await;
    let Db::Sqlite(sqlite) = &db else {
        panic!("another database")
    };
    let image = Digest::of(b"image");
    for change in [
        "UPDATE scans SET outcome = 'clean'",
        "UPDATE scans SET link = NULL",
        "UPDATE scans SET scan = replace(scan, '\"findings\"', '\"clean\"')",
        "UPDATE scans SET scan = replace(scan, substr(image_digest, 1, 8), '00000000')",
    ] {
        sqlx::query("DELETE FROM scans")
            .execute(&sqlite.writer)
            .await
            .unwrap();
        let mut scan = contract::scan(image, OffsetDateTime::now_utc());
        scan.link = Some(Digest::of(b"link"));
        db.record_scan(&scan).await.unwrap();
        let found = db.newest_scan(image).await.unwrap().unwrap();
        assert_eq!(found.outcome, ScanOutcome::Findings, "{change}");
        let changed = sqlx::query(change).execute(&sqlite.writer).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
        let found = db.newest_scan(image).await.unwrap().unwrap();
        assert_eq!(found.outcome, ScanOutcome::Failed, "{change}");
        assert_eq!(
            (found.id, found.image_digest, found.link),
            (scan.id, image, None)
        );
        assert_eq!(db.scans(9).await.unwrap(), [found]);
    }
}

#[tokio::test]
async fn a_job_is_not_written_before_its_objects_are_on_the_disk() {
    let base = tempfile::tempdir().unwrap();
    let holds = Holds::default();
    let db = Sqlite::open(&base.path().join("assay.db"), holds.clone())
        .await
        .unwrap();
    let job = contract::new_job("lost");
    let digest = job.artifacts[0].digest;
    let full = || Err(std::io::Error::other("no space"));
    let task = || Ok(Some(tokio::task::spawn_blocking(full)));
    holds.place(digest, task).unwrap();
    let refused = db.insert_job(&job).await.unwrap_err();
    assert!(refused.to_string().contains("no space"), "{refused}");
    assert_eq!(db.job(job.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_queued_job_whose_doorbell_was_lost_gets_another() {
    let (_base, db) = database().await;
    let Db::Sqlite(sqlite) = &db else {
        panic!("another database")
    };
    let (lost, runs) = (contract::new_job("lost"), contract::new_job("runs"));
    for job in [&lost, &runs] {
        db.insert_job(job).await.unwrap();
    }
    let lease = std::time::Duration::from_secs(60);
    db.claim(runs.id, "w", lease).await.unwrap().unwrap();
    sqlx::query("DELETE FROM outbox")
        .execute(&sqlite.writer)
        .await
        .unwrap();
    assert!(db.doorbells(9, lease).await.unwrap().is_empty());
    assert_eq!(db.restore_doorbells(9).await.unwrap(), 1);
    assert_eq!(db.restore_doorbells(9).await.unwrap(), 0);
    let bells = db.doorbells(9, lease).await.unwrap();
    assert_eq!(
        bells.iter().map(|bell| bell.job).collect::<Vec<_>>(),
        [lost.id]
    );
}
