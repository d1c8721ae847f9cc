//! Going on from a checkpoint, and from none that cannot be trusted.

use assay_platform::{
    checkpoint::Checkpoint,
    db::Cancelled,
    ids::JobId,
    job::{JobEvent, Role, Status},
};
use assay_protocol::Event;
use serde_json::Value;

use crate::support::{Bench, LONG};

/// A job that was interrupted after a checkpoint of its third epoch, back in the queue.
async fn interrupted() -> (Bench, JobId, Checkpoint) {
    let bench = Bench::new().await;
    let worker = bench.work();
    let id = bench.submit_for("checkpoints", 5).await;
    let kept = wait_for_checkpoint(&bench, id, 3).await;
    worker.stop().await;
    bench.until(id, |job| job.status == Status::Queued).await;
    (bench, id, kept)
}

async fn wait_for_checkpoint(bench: &Bench, id: JobId, epoch: u32) -> Checkpoint {
    let wait = async {
        loop {
            match bench.platform.db.checkpoint(id).await.unwrap() {
                Some(found) if found.epoch == epoch => return found,
                _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap()
}

/// Waits until every object is named: what an attempt kept goes after its end is written.
async fn nothing_left(bench: &Bench) {
    let wait = async {
        while bench.unnamed_objects().await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap();
}

async fn told(bench: &Bench, id: JobId, what: impl Fn(&Event) -> bool) -> bool {
    let events = bench.events(id).await;
    events
        .iter()
        .any(|logged| matches!(&logged.event, JobEvent::Trainer { event } if what(event)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_job_goes_on_and_its_proof_says_so() {
    let (bench, id, kept) = interrupted().await;
    assert_eq!((kept.attempt, kept.bytes), (1, 1));
    let worker = bench.work();
    let job = bench.ended(id).await;
    assert_eq!(job.status, Status::Completed, "{:?}", job.failure);
    assert!(told(&bench, id, |event| *event == Event::Resumed { epoch: 3 }).await);
    let artifacts = bench.platform.db.artifacts(id).await.unwrap();
    let link = artifacts.iter().find(|one| one.role == Role::TrainingLink);
    let link = bench.platform.store.read(link.unwrap().digest, 1 << 20);
    let link: Value = serde_json::from_slice(&link.await.unwrap()).unwrap();
    let from = &link["signed"]["byproducts"]["resumed-from"];
    assert_eq!(from["epoch"], 3);
    assert_eq!(from["attempt"], 1);
    assert_eq!(from["sha256"], kept.digest.to_string());
    // Nothing of it is kept beyond the job.
    assert_eq!(bench.platform.db.checkpoint(id).await.unwrap(), None);
    nothing_left(&bench).await;
    worker.stop().await;
}

/// Nobody works on it then who could remove it.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_cancelled_while_it_waits_leaves_no_checkpoint() {
    let (bench, id, kept) = interrupted().await;
    assert_eq!(
        bench.platform.db.cancel(id).await.unwrap(),
        Cancelled::AtOnce
    );
    let unneeded = bench.platform.db.unneeded(9).await.unwrap();
    assert!(unneeded.contains(&kept.digest));
    // The upkeep is part of every worker.
    let worker = bench.work();
    nothing_left(&bench).await;
    worker.stop().await;
}

/// Puts a row there as somebody could who can write to the database.
async fn forge(bench: &Bench, id: JobId, change: impl FnOnce(&mut Checkpoint)) {
    let db = &bench.platform.db;
    let claim = db.claim(id, "somebody", LONG).await.unwrap().unwrap();
    let mut row = db.checkpoint(id).await.unwrap().unwrap();
    change(&mut row);
    let written = Checkpoint {
        attempt: claim.attempt,
        ..row.clone()
    };
    assert!(db.save_checkpoint(&written).await.unwrap());
    db.release(id, claim.attempt).await.unwrap();
}

/// The job trains anew, from its first epoch, and says why.
async fn trains_anew(bench: Bench, id: JobId, reason: &str) {
    let worker = bench.work();
    let wait = async {
        loop {
            let told = told(
                &bench,
                id,
                |event| matches!(event, Event::Log { message, .. } if message.contains("is ignored") && message.contains(reason)),
            );
            if told.await {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap();
    wait_for_checkpoint(&bench, id, 3).await;
    assert!(!told(&bench, id, |event| matches!(event, Event::Resumed { .. })).await);
    bench.platform.db.cancel(id).await.unwrap();
    assert_eq!(bench.ended(id).await.status, Status::Cancelled);
    nothing_left(&bench).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_for_another_attempt_does_not_hold() {
    let (bench, id, _) = interrupted().await;
    forge(&bench, id, |_| ()).await;
    trains_anew(bench, id, "signature does not hold").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_no_workers_is_refused() {
    let (bench, id, _) = interrupted().await;
    let api = bench.platform.keys.api().unwrap().keyid().to_string();
    forge(&bench, id, |row| row.worker_keyid = api).await;
    trains_anew(bench, id, "no worker's in the layout").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_changed_is_refused() {
    let (bench, id, kept) = interrupted().await;
    let digest = kept.digest.to_string();
    let store = bench.folder.path().join("assay/store");
    let object = find(&store, &digest);
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, "4").unwrap();
    trains_anew(bench, id, &digest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_gone_is_no_reason_to_fail() {
    let (bench, id, kept) = interrupted().await;
    bench.platform.store.remove(kept.digest).await.unwrap();
    trains_anew(bench, id, "no object").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_grew_is_not_even_fetched() {
    let (bench, id, kept) = interrupted().await;
    let store = bench.folder.path().join("assay/store");
    let object = find(&store, &kept.digest.to_string());
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, vec![4; 1000]).unwrap();
    trains_anew(bench, id, "has 1000 bytes, and 1 were signed").await;
}

/// The file of an object.
fn find(folder: &std::path::Path, digest: &str) -> std::path::PathBuf {
    let (first, rest) = digest.split_at(2);
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                waiting.push(path);
            } else if name == digest || (name == rest && path.parent().unwrap().ends_with(first)) {
                return path;
            }
        }
    }
    panic!("{digest} is not in the store")
}
