//! A second worker trains again what the first one trained, and vouches for it or does not.

use assay_attest::{
    KeyId, WITNESS,
    intoto::{Link, Signed, link_file_name},
    verify::link_job,
};
use assay_platform::{
    Config,
    ids::{JobId, UniqueDir},
    job::{Job, NewReproduction, Role, Status},
    keys::Keys,
};
use time::OffsetDateTime;

use crate::support::{Bench, open};

/// A platform whose layout names two workers, of whom this one has the first key.
async fn bench() -> Bench {
    Bench::with(|config| {
        Keys::init_with(&config.dir.join("secrets"), 2, false).unwrap();
    })
    .await
}

/// The same platform, as a worker with the second key sees it.
async fn second(bench: Bench) -> Bench {
    let Bench { platform, folder } = bench;
    platform.db.close().await;
    let mut config = Config::clone(&platform.config);
    config.keys.name = "2".to_owned();
    drop(platform);
    let platform = open(config).await;
    Bench { platform, folder }
}

fn key(bench: &Bench) -> KeyId {
    bench.platform.keys.worker().unwrap().keyid()
}

/// Asks for the job to be trained again by others than these keys.
async fn reproduce(bench: &Bench, of: JobId, other_than: &[KeyId]) -> JobId {
    let new = NewReproduction {
        id: JobId::new(),
        unique_dir: UniqueDir::new(),
        of,
        other_than: other_than.to_vec(),
        traceparent: None,
        submitted_at: OffsetDateTime::now_utc(),
    };
    bench
        .platform
        .db
        .reproduce(&new)
        .await
        .unwrap()
        .unwrap()
        .job
}

/// Trains a job that plays this part, with the first key, and again with the second one.
async fn twice(part: &str) -> (Bench, Job, Job) {
    let first = bench().await;
    let worker = first.work();
    let id = first.submit_for(part, 3).await;
    let trained = first.ended(id).await;
    assert_eq!(trained.status, Status::Completed, "{trained:?}");
    let trainer = key(&first);
    let again = reproduce(&first, id, &[trainer]).await;
    // Only the trainer is there: it leaves the job to others, and says so.
    first
        .until(again, |job| {
            job.held
                .as_deref()
                .is_some_and(|held| held.contains(&trainer.short()))
        })
        .await;
    worker.stop().await;
    let second = second(first).await;
    assert_eq!(second.job(again).await.attempt, 0);
    let worker = second.work();
    let ended = second.ended(again).await;
    worker.stop().await;
    (second, trained, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_the_same_vouches_for_it() {
    let (bench, trained, ended) = twice("repeats").await;
    assert_eq!(ended.status, Status::Completed, "{ended:?}");
    let db = &bench.platform.db;
    let artifacts = db.artifacts(ended.id).await.unwrap();
    let [link] = artifacts.as_slice() else {
        panic!("{artifacts:?}");
    };
    assert_eq!(link.role, Role::WitnessLink);
    assert_eq!(link.name(), link_file_name(WITNESS, &key(&bench)));
    let bytes = bench
        .platform
        .store
        .read(link.digest, 1 << 20)
        .await
        .unwrap();
    let signed = Signed::<Link>::parse(&bytes).unwrap();
    let public = bench.platform.keys.worker().unwrap().public();
    let link = signed.verify(public).unwrap();
    assert_eq!(link_job(link), Some(trained.id.to_string().as_str()));
    let own = &link.environment["job"]["reproduction"];
    assert_eq!(*own, ended.id.to_string());
    assert_eq!(link.products.len(), 3);
    let dir = trained.unique_dir.to_string();
    assert!(link.products.keys().all(|path| path.starts_with(&dir)));
    assert_eq!(link.materials.len(), 4);
    assert_eq!(bench.unnamed_objects().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_something_else_signs_nothing() {
    let (bench, _, ended) = twice("drifts").await;
    assert_eq!(ended.status, Status::Failed, "{ended:?}");
    let fault = ended.failure.unwrap().fault;
    assert_eq!(fault.code, "reproduction.differs");
    assert!(
        fault.message.contains("after epoch 2 are the first"),
        "{fault}"
    );
    let artifacts = bench.platform.db.artifacts(ended.id).await.unwrap();
    assert!(artifacts.iter().all(|one| one.role == Role::Output));
    assert_eq!(ended.attempt, 1);
}

/// A row of the database that says nobody is excluded does not make a trainer its own witness.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_his_own_witness() {
    let bench = bench().await;
    let worker = bench.work();
    let id = bench.submit_for("repeats", 3).await;
    bench.ended(id).await;
    let again = reproduce(&bench, id, &[]).await;
    let ended = bench.ended(again).await;
    worker.stop().await;
    let fault = ended.failure.unwrap().fault;
    assert_eq!(fault.code, "platform.artifact_changed", "{fault}");
    assert!(fault.message.contains("own key"), "{fault}");
}
