use super::*;
use crate::{
    db::JobFilter,
    job::{JobEvent, Status},
};
use assay_protocol::{Event, LogLevel};

pub(crate) async fn a_job_is_read_as_it_was_written(db: &Db) {
    let new = NewJob {
        class: Class::Gpu,
        priority: Priority::High,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ..new_job("Wine")
    };
    db.insert_job(&new).await.unwrap();
    let job = db.job(new.id).await.unwrap().unwrap();
    assert_eq!(job.request, new.request);
    assert_eq!(job.status, Status::Queued);
    assert_eq!((job.attempt, job.cancel_requested), (0, false));
    assert_eq!(job.times.submitted_at, new.submitted_at);
    assert_eq!(job.times.started_at, None);
    assert_eq!(db.job_of_dir(new.unique_dir).await.unwrap(), Some(job));
    assert_eq!(db.artifacts(new.id).await.unwrap(), new.artifacts);
    assert_eq!(
        (
            job_of(db, new.id).await.class,
            job_of(db, new.id).await.priority
        ),
        (Class::Gpu, Priority::High)
    );
    assert_eq!(job_of(db, new.id).await.traceparent, new.traceparent);
    let queued = db.queued().await.unwrap();
    assert_eq!(
        queued.iter().map(|bell| bell.job).collect::<Vec<_>>(),
        [new.id]
    );
    // The same call again, because its answer was lost.
    db.insert_job(&new).await.unwrap();
    assert_eq!(db.artifacts(new.id).await.unwrap(), new.artifacts);
    assert_eq!(db.events(new.id, 0, 9).await.unwrap().len(), 1);
    let status = db.status(new.id).await.unwrap().unwrap();
    assert_eq!(status.status, Status::Queued);
    assert_eq!(status.unique_dir, new.unique_dir);
    assert!(status.progress.is_none() && status.failure.is_none() && status.outputs.is_empty());
    let first = &new.artifacts[0];
    let holders = db.jobs_with(first.digest, first.role, 9).await.unwrap();
    assert_eq!(holders, [new.id]);
    for (digest, role) in [
        (first.digest, Role::ScanLink),
        (Digest::of(b"x"), first.role),
    ] {
        assert!(db.jobs_with(digest, role, 9).await.unwrap().is_empty());
    }
    let other = JobId::new();
    assert_eq!(db.job(other).await.unwrap(), None);
    assert_eq!(db.status(other).await.unwrap(), None);
    assert!(db.artifacts(other).await.unwrap().is_empty());
}

pub(crate) async fn a_refused_job_leaves_nothing(db: &Db) {
    let mut new = new_job("twice");
    let again = new.artifacts[0].clone();
    new.artifacts.push(again);
    assert!(db.insert_job(&new).await.is_err());
    assert_eq!(db.job(new.id).await.unwrap(), None);
    assert!(bells(db).await.is_empty());
    assert!(db.events(new.id, 0, 9).await.unwrap().is_empty());
    for artifact in &new.artifacts {
        assert!(!db.object_is_referenced(artifact.digest).await.unwrap());
    }
}

pub(crate) async fn lists_are_filtered_and_paged(db: &Db) {
    let mut ids = Vec::new();
    for name in ["Wine red", "wine 100%", "digits", "WINE_white"] {
        let new = new_job(name);
        db.insert_job(&new).await.unwrap();
        ids.push(new.id);
    }
    ids.reverse();
    db.cancel(ids[1]).await.unwrap();
    let list = async |filter: JobFilter| -> Vec<JobId> {
        let jobs = db.jobs(&filter).await.unwrap();
        jobs.into_iter().map(|job| job.id).collect()
    };
    let page = |limit| JobFilter {
        limit,
        ..JobFilter::default()
    };
    assert_eq!(list(page(10)).await, ids);
    assert_eq!(list(page(2)).await, ids[..2]);
    let before = Some(ids[1]);
    assert_eq!(list(JobFilter { before, ..page(2) }).await, ids[2..]);
    let named = |part: &str| JobFilter {
        model_name: Some(part.to_owned()),
        ..page(10)
    };
    assert_eq!(list(named("WINE")).await, [ids[0], ids[2], ids[3]]);
    assert_eq!(list(named("%")).await, [ids[2]]);
    assert_eq!(list(named("_")).await, [ids[0]]);
    assert!(list(named("\\")).await.is_empty());
    assert!(list(named("' OR 1 = 1 --")).await.is_empty());
    let statuses = vec![Status::Cancelled, Status::Failed];
    assert_eq!(
        list(JobFilter {
            statuses,
            ..page(10)
        })
        .await,
        [ids[1]]
    );
    let counts = db.counts().await.unwrap();
    assert_eq!(
        counts,
        [
            (Status::Queued, 3),
            (Status::Running, 0),
            (Status::Completed, 0),
            (Status::Failed, 0),
            (Status::Cancelled, 1),
        ]
    );
}

fn line(message: &str) -> JobEvent {
    JobEvent::Trainer {
        event: Event::Log {
            level: LogLevel::Info,
            message: message.to_owned(),
        },
    }
}

pub(crate) async fn events_are_in_order_and_belong_to_the_holder(db: &Db) {
    let claim = claimed(db, "w").await;
    let id = claim.job.id;
    db.log(id, 1, &[line("one"), line("two")]).await.unwrap();
    db.log(id, 2, &[line("of no attempt yet")]).await.unwrap();
    db.log(id, 1, &[]).await.unwrap();
    assert!(db.cancelled(id, 1).await.unwrap());
    db.log(id, 1, &[line("too late")]).await.unwrap();
    let all = db.events(id, 0, 100).await.unwrap();
    assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
    let status = |status| JobEvent::Status { status };
    let seen: Vec<_> = all
        .iter()
        .map(|one| (one.attempt, one.event.clone()))
        .collect();
    assert_eq!(
        seen,
        [
            (0, status(Status::Queued)),
            (1, status(Status::Running)),
            (1, line("one")),
            (1, line("two")),
            (1, status(Status::Cancelled)),
        ]
    );
    assert_eq!(db.events(id, all[1].id, 2).await.unwrap(), all[2..4]);
    assert!(db.events(JobId::new(), 0, 9).await.unwrap().is_empty());
}

pub(crate) async fn news_of_every_write(db: &Db) {
    let mut news = db.subscribe();
    let new = new_job("told");
    let id = new.id;
    db.insert_job(&new).await.unwrap();
    db.claim(id, "w", LEASE).await.unwrap();
    db.log(id, 1, &[line("one")]).await.unwrap();
    db.heartbeat(id, 1, LEASE).await.unwrap();
    db.cancel(id).await.unwrap();
    db.cancelled(id, 1).await.unwrap();
    for _ in 0..5 {
        assert_eq!(news.try_recv(), Ok(id));
    }
    assert!(!db.release(id, 1).await.unwrap());
    assert!(news.try_recv().is_err());
}

pub(crate) async fn objects_are_named_once(db: &Db) {
    // Equal files of two jobs are one object.
    let (one, two) = (new_job("one"), new_job("two"));
    db.insert_job(&one).await.unwrap();
    db.insert_job(&two).await.unwrap();
    let digest = one.artifacts[0].digest;
    assert_eq!(digest, two.artifacts[0].digest);
    assert!(db.object_is_referenced(digest).await.unwrap());
    assert!(!db.object_is_referenced(Digest::of(b"no")).await.unwrap());
    let mut found = Vec::new();
    for first in 0..=u8::MAX {
        found.extend(db.objects_under(&hex::encode([first])).await.unwrap());
    }
    let mut named: Vec<_> = one
        .artifacts
        .iter()
        .map(|artifact| artifact.digest)
        .collect();
    named.sort();
    assert_eq!(found, named);
}
