//! The links of the platform's own workers, who were asked to train again.

use std::fs;

use assay_attest::SigningKey;
use assay_platform::keys::read_trust;

use super::{in_toto, links, own_layout};
use crate::{
    support::{deployment::Deployment, server::Inputs},
    witness::witnesses,
};

#[test]
fn in_toto_accepts_two_workers_and_no_less() {
    let deployment = Deployment::start(3, &[]);
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("wine", dir.path());
    let job = deployment.submit(&inputs, &["epochs=3"]);
    assert_eq!(deployment.wait(&job)["status"], "completed");
    for _ in 0..2 {
        // Exit code 0: another worker got the same, and signed.
        deployment.client(&["witness", "--wait", &job]);
    }
    let bundle = deployment.verify(&job);
    let secrets = deployment.folder_of("secrets");
    assert_eq!(witnesses(&bundle, &secrets), 2);

    let owner = SigningKey::generate();
    let trust = read_trust(&secrets).unwrap();
    let workers = trust.functionaries.iter();
    let workers: Vec<_> = workers
        .filter(|one| one.name.starts_with("worker"))
        .map(|one| one.key.clone())
        .collect();
    assert_eq!(workers.len(), 3);
    let folder = dir.path().join("witnessed");
    fs::create_dir(&folder).unwrap();
    links(&bundle, &folder);
    fs::write(
        folder.join("layout.json"),
        own_layout(&bundle, &owner, &workers),
    )
    .unwrap();
    fs::write(folder.join("owner.pub"), owner.public().to_pem()).unwrap();
    assert!(in_toto(&folder));
    let entries = fs::read_dir(&folder).unwrap();
    let link = entries.map(|entry| entry.unwrap().path()).find(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("witness.")
    });
    fs::remove_file(link.unwrap()).unwrap();
    assert!(!in_toto(&folder), "one witness is too few");
}
