use std::cell::Cell;

use assay_platform::{
    Config,
    ids::{JobId, UniqueDir},
    job::{Class, NewJob, Priority, Role},
};
use assay_protocol::{AibomVersion, Framework, JobRequest, Metadata, Parameters};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::*;

/// Long enough for no lease to run out by the clock.
const LEASE: Duration = Duration::from_secs(3600);

/// A platform with one job, claimed once.
async fn claimed() -> (TempDir, Platform, Claim) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::in_dir(folder.path().join("assay")).unwrap();
    let platform = Platform::open(config).await.unwrap();
    let job = NewJob {
        id: JobId::new(),
        unique_dir: UniqueDir::new(),
        request: JobRequest {
            framework: Framework::Candle,
            metadata: Metadata::default(),
            parameters: Parameters::default(),
            aibom: AibomVersion::default(),
        },
        class: Class::Cpu,
        priority: Priority::Normal,
        traceparent: None,
        submitted_at: OffsetDateTime::now_utc(),
        artifacts: Vec::new(),
    };
    platform.db.insert_job(&job).await.unwrap();
    let claim = platform.db.claim(job.id, "one", LEASE).await.unwrap();
    (folder, platform, claim.unwrap())
}

async fn output(platform: &Platform, claim: &Claim) -> Artifact {
    let stored = platform.store.put_bytes(b"a model").await.unwrap();
    Artifact {
        path: format!("{}/outputs/trained_model.keras", claim.job.unique_dir),
        role: Role::Output,
        digest: stored.digest,
        bytes: stored.bytes,
    }
}

async fn finish(platform: &Platform, claim: &Claim, stored: Artifact) -> &'static str {
    let record = Record {
        stored: vec![stored],
        ..Record::default()
    };
    complete(platform, claim, record, Ok(()), &|| true)
        .await
        .unwrap()
}

#[tokio::test]
async fn of_two_attempts_only_the_one_with_the_lease_completes_and_the_other_leaves_nothing() {
    let (_folder, platform, first) = claimed().await;
    let db = &platform.db;
    let late = output(&platform, &first).await;
    let digest = late.digest;
    db.heartbeat(first.job.id, 1, Duration::ZERO).await.unwrap();
    assert_eq!(db.expire_leases(10).await.unwrap(), [first.job.id]);
    let second = db.claim(first.job.id, "two", LEASE).await.unwrap().unwrap();

    assert_eq!(finish(&platform, &first, late).await, "lost");
    assert!(platform.store.verify(digest).await.is_err());
    let job = db.job(first.job.id).await.unwrap().unwrap();
    assert_eq!((job.status, job.attempt), (Status::Running, 2));

    let good = output(&platform, &second).await;
    assert_eq!(finish(&platform, &second, good).await, "completed");
    assert!(platform.store.verify(digest).await.is_ok());
    let job = db.job(first.job.id).await.unwrap().unwrap();
    assert_eq!(job.status, Status::Completed);
}

#[tokio::test]
async fn a_worn_out_job_fails_with_the_last_reason() {
    let (_folder, mut platform, claim) = claimed().await;
    let mut config = (*platform.config).clone();
    config.max_attempts = 1;
    platform.config = config.into();
    let broken = Err(Stop::Infrastructure("the disk is full".to_owned()));
    let word = complete(&platform, &claim, Record::default(), broken, &|| true).await;
    assert_eq!(word.unwrap(), "failed");
    let failure = platform
        .db
        .job(claim.job.id)
        .await
        .unwrap()
        .unwrap()
        .failure;
    let fault = failure.unwrap().fault;
    assert_eq!(fault.code, "worker.lost");
    assert!(fault.message.contains("the disk is full"), "{fault}");
    assert!(!fault.is_users());
}

#[tokio::test]
async fn an_outage_costs_a_job_time_and_no_attempt() {
    let (_folder, mut platform, claim) = claimed().await;
    let mut config = (*platform.config).clone();
    config.max_attempts = 1;
    platform.config = config.into();
    let away = Err(Stop::Unavailable("the store is away".to_owned()));
    let word = complete(&platform, &claim, Record::default(), away, &|| true).await;
    assert_eq!(word.unwrap(), "unavailable");
    let job = platform.db.job(claim.job.id).await.unwrap().unwrap();
    assert_eq!((job.status, job.lost), (Status::Queued, 0));
    assert_eq!(job.held.as_deref(), Some("the store is away"));
    assert!(job.not_before.is_some());
}

fn broken() -> DbError {
    DbError::Corrupt {
        id: "x".to_owned(),
        reason: "test".to_owned(),
    }
}

#[tokio::test]
async fn writes_again_until_the_database_answers() {
    let calls = Cell::new(0);
    let written = retry(&|| true, || {
        calls.set(calls.get() + 1);
        let answer = if calls.get() == 1 {
            Err(broken())
        } else {
            Ok(true)
        };
        async move { answer }
    });
    assert!(written.await.unwrap());
    assert_eq!(calls.get(), 2);
}

#[tokio::test]
async fn gives_up_after_a_few_times_when_it_helps_nobody() {
    for (held, passing) in [(true, false), (false, true)] {
        let calls = Cell::new(0);
        let written: Result<bool, _> = retry(&|| held, || {
            calls.set(calls.get() + 1);
            let error = if passing {
                DbError::CommitUnknown
            } else {
                broken()
            };
            async { Err(error) }
        })
        .await;
        assert!(written.is_err());
        assert_eq!(calls.get(), TRIES);
    }
}

#[tokio::test]
async fn waits_for_the_database_as_long_as_the_lease_is_kept_up() {
    let calls = Cell::new(0);
    let written = retry(&|| true, || {
        calls.set(calls.get() + 1);
        let answer = if calls.get() < 5 {
            Err(DbError::CommitUnknown)
        } else {
            Ok(true)
        };
        async { answer }
    });
    assert!(written.await.unwrap());
}
