//! Uploads and the collector, on servers whose answers are lost.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::{
    db::{Db, sqlite::Sqlite, tests::contract},
    objects::{Collected, Collector, revive},
};

const THEN: &str = "Sat, 21 Nov 2026 10:00:00 GMT";
const NOW: &str = "Sat, 21 Nov 2026 12:00:00 GMT";
const HOUR: Duration = Duration::from_secs(3600);

fn dated(status: u16, body: String) -> Answer {
    let headers = vec![("Date", NOW.to_owned()), ("Last-Modified", THEN.to_owned())];
    Answer::Plain(status, headers, body.into())
}

#[tokio::test]
async fn while_it_is_not_known_whether_an_object_is_gone_nothing_names_it() {
    let job = contract::new_job("late");
    let object = job.artifacts[0].digest;
    let there = Arc::new(AtomicBool::new(true));
    let seen = there.clone();
    let server = Server::start(move |_, asked| {
        let there = seen.load(Ordering::SeqCst);
        if asked.is("DELETE", "") {
            // It acts, and its answer is lost.
            seen.store(false, Ordering::SeqCst);
            return Answer::Raw(Vec::new());
        }
        if asked.is("HEAD", "") {
            return dated(if there { 200 } else { 404 }, String::new());
        }
        let key = object_key(object);
        if there && asked.is("GET", "list-type=2") && asked.line.contains(&key[8..10]) {
            return dated(
                200,
                format!(
                    "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>{key}</Key>\
                     <LastModified>2026-11-21T10:00:00Z</LastModified></Contents></ListBucketResult>"
                ),
            );
        }
        if asked.is("GET", "uploads") && !asked.is("GET", "list-type") {
            return dated(200, "<ListMultipartUploadsResult></ListMultipartUploadsResult>".to_owned());
        }
        dated(200, "<ListBucketResult></ListBucketResult>".to_owned())
    })
    .await;
    let (base, s3) = store(&server.endpoint, at_once);
    let path = base.path().join("assay.db");
    let db = Db::Sqlite(
        Sqlite::open(&path, crate::store::Holds::default())
            .await
            .unwrap(),
    );

    let unclear = Collector::new(&s3, &db, HOUR).run().await.unwrap();
    assert_eq!((unclear.removed, unclear.unclear), (0, 1));
    assert!(db.insert_job(&job).await.is_err());
    // The request may still be on its way: nobody goes on with it, or believes that the object is gone.
    assert_eq!(
        Collector::new(&s3, &db, HOUR).run().await.unwrap(),
        Collected::default()
    );
    assert!(!revive(&Store::S3(s3.clone()), &db, object).await.unwrap());
    // Later.
    let done = Collector::new(&s3, &db, HOUR).with_claim(Duration::ZERO);
    assert_eq!(done.run().await.unwrap().removed, 1);
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|one| one.is("DELETE", "")).count(), 1);
    // Stored anew by somebody.
    there.store(true, Ordering::SeqCst);
    assert!(revive(&Store::S3(s3), &db, object).await.unwrap());
    db.insert_job(&job).await.unwrap();
}

#[tokio::test]
async fn an_upload_whose_end_was_lost_on_the_way_is_found_to_be_there() {
    let bytes = (5 << 20) + 1;
    let server = Server::start(move |before, asked| {
        if asked.is("POST", "?uploads") {
            return Answer::ok(BEGUN);
        }
        if asked.is("POST", "uploadId") {
            // The parts take three requests.
            return if before == 3 {
                Answer::Raw(Vec::new())
            } else {
                Answer::error(404, "NoSuchUpload")
            };
        }
        if asked.is("HEAD", "") {
            return Answer::ok(vec![0; bytes]);
        }
        done(asked)
    })
    .await;
    let (_base, s3) = store(&server.endpoint, |_, _| {});
    let mut upload = s3.upload(u64::MAX);
    upload.write(vec![7; bytes].into()).await.unwrap();
    assert_eq!(upload.finish().await.unwrap().bytes, bytes as u64);
}
