//! What a completed job leaves verifies with the owner's key and nothing else, and a failed one leaves nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
};

use assay_attest::verify::verify_bundle;
use assay_platform::{
    ids::JobId,
    job::{Role, Status},
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::support::Bench;

/// The files of a job's bundle: artifacts under the paths that the links name, proof files at the top.
async fn bundle(bench: &Bench, id: JobId) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for artifact in bench.platform.db.artifacts(id).await.unwrap() {
        let bytes = bench
            .platform
            .store
            .read(artifact.digest, 1 << 20)
            .await
            .unwrap();
        let proof = [
            Role::Layout,
            Role::IngestLink,
            Role::TrainingLink,
            Role::Aibom,
            Role::AibomSignature,
            Role::Statements,
            Role::ModelSignature,
        ];
        let path = if proof.contains(&artifact.role) {
            artifact.name().to_owned()
        } else {
            artifact.path
        };
        files.insert(path, bytes);
    }
    files
}

fn failed_checks(bench: &Bench, files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let paths: BTreeSet<_> = files.keys().cloned().collect();
    let open = |path: &str| Ok(Cursor::new(files.get(path).cloned().unwrap_or_default()));
    let trust = bench.platform.keys.trust();
    verify_bundle(&paths, open, trust, OffsetDateTime::now_utc())
        .not_passed()
        .map(|check| format!("{}: {:?}", check.name, check.detail))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundle_of_a_completed_job_verifies_and_no_byte_of_it_may_change() {
    let bench = Bench::new().await;
    let job = bench.run("done").await;
    assert_eq!(job.status, Status::Completed, "{:?}", job.failure);
    let files = bundle(&bench, job.id).await;
    assert_eq!(files.len(), 4 + 6 + 7, "{:?}", files.keys());
    assert_eq!(failed_checks(&bench, &files), Vec::<String>::new());

    for path in files.keys() {
        let mut forged = files.clone();
        let bytes = forged.get_mut(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let refused = failed_checks(&bench, &forged);
        assert!(
            !refused.is_empty(),
            "a byte of {path} changed and nothing saw it"
        );
    }
    let name = |role: Role| {
        files
            .iter()
            .find(|(path, _)| match role {
                Role::TrainingLink => path.starts_with("run_training."),
                _ => *path == "aibom.json",
            })
            .map(|(_, bytes)| serde_json::from_slice::<Value>(bytes).unwrap())
            .unwrap()
    };
    let link = name(Role::TrainingLink);
    let environment = &link["signed"]["environment"];
    assert_eq!(environment["job"]["id"], job.id.to_string());
    assert_eq!(environment["isolation"]["sandbox"], "process");
    assert_eq!(environment["trainer"]["version"], "0.0.0-scripted");
    let text = link.to_string();
    let folder = bench.folder.path().display().to_string();
    assert!(
        !text.contains(&folder),
        "the link names a path of the machine"
    );
    assert_eq!(name(Role::Aibom)["specVersion"], "1.6");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_cannot_be_found_is_looked_for_again_and_fails_the_job_in_the_end() {
    let bench = Bench::with(|config| config.max_attempts = 2).await;
    let id = bench.submit("done").await;
    let artifacts = bench.platform.db.artifacts(id).await.unwrap();
    let dataset = artifacts
        .iter()
        .find(|one| one.role == Role::Dataset)
        .unwrap();
    bench.platform.store.remove(dataset.digest).await.unwrap();
    let worker = bench.work();
    let job = bench.ended(id).await;
    worker.stop().await;
    assert_eq!(job.status, Status::Failed);
    assert_eq!(job.attempt, 2);
    let fault = job.failure.unwrap().fault;
    assert_eq!(fault.code, "worker.lost");
    let digest = dataset.digest.to_string();
    assert!(fault.message.contains(&digest), "{}", fault.message);
}
