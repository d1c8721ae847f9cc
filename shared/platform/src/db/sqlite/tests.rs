use assay_attest::Digest;
use time::OffsetDateTime;

use sqlx::AssertSqlSafe;

use super::*;
use crate::{
    db::{Db, JobFilter, tests::contract},
    ids::JobId,
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

/// Spoils a row as somebody can who reaches the file: past the triggers.
async fn spoil(sqlite: &Sqlite, id: JobId, change: &str) {
    let statements = format!(
        "DROP TRIGGER IF EXISTS jobs_numbers_update; UPDATE jobs SET {change} WHERE id = '{id}'"
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&sqlite.writer)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_nothing_else() {
    let (_base, db) = database().await;
    let Db::Sqlite(sqlite) = &db else {
        panic!("another database")
    };
    let lease = std::time::Duration::from_secs(60);
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(contract::claimed(&db, "w").await.job.id);
    }
    for id in &ids {
        db.heartbeat(*id, 1, std::time::Duration::ZERO)
            .await
            .unwrap();
    }
    // The largest number that can be written is no reason to stop, either.
    let most = contract::claimed(&db, "w").await.job.id;
    db.heartbeat(most, 1, std::time::Duration::ZERO)
        .await
        .unwrap();
    sqlx::query("UPDATE jobs SET lost = 1000000000 WHERE id = $1")
        .bind(most.to_string())
        .execute(&sqlite.writer)
        .await
        .unwrap();
    spoil(sqlite, ids[0], "lost = -1").await;
    spoil(sqlite, ids[4], "attempt = 9223372036854775807").await;
    let sound = &ids[1..4];
    assert_eq!(db.expire_leases(3).await.unwrap(), sound);
    assert!(db.recover_worker("w", 3).await.unwrap().is_empty());
    let listed = async |limit| {
        let filter = JobFilter {
            limit,
            ..JobFilter::default()
        };
        let jobs = db.jobs(&filter).await.unwrap();
        jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    // The newest first, and a page is as long as it can be.
    assert_eq!(listed(9).await, [most, ids[3], ids[2], ids[1]]);
    assert_eq!(listed(3).await, [most, ids[3], ids[2]]);
    spoil(sqlite, ids[2], "attempt = 9223372036854775807").await;
    assert_eq!(db.claim(ids[2], "w", lease).await.unwrap(), None);
    db.claim(ids[1], "w", lease).await.unwrap().unwrap();
    sqlx::raw_sql("DROP TRIGGER outbox_numbers_update; UPDATE outbox SET class = 'x' WHERE id = (SELECT min(id) FROM outbox)")
        .execute(&sqlite.writer)
        .await
        .unwrap();
    let bells = db.doorbells(9, lease).await.unwrap();
    assert_eq!(
        bells.iter().map(|bell| bell.job).collect::<Vec<_>>(),
        [ids[3]]
    );
    assert_eq!(db.queued().await.unwrap().len(), 2);
}

#[tokio::test]
async fn numbers_out_of_range_are_not_written() {
    let (_base, db) = database().await;
    let Db::Sqlite(sqlite) = &db else {
        panic!("another database")
    };
    contract::claimed(&db, "w").await;
    for change in contract::SPOILING {
        let error = sqlx::raw_sql(*change)
            .execute(&sqlite.writer)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("out of range"),
            "{change}: {error}"
        );
    }
}
