//! Two witnesses who trained again satisfy a layout with a threshold of two, by in-toto's own rules.

#[cfg(feature = "outside-parts")]
mod platform;

use std::{fs, path::Path, process::Command};

use assay_attest::{
    PublicKey, RUN_TRAINING, SigningKey, WITNESS,
    intoto::{Artifact, Layout, Rule, Signed, Step, sign},
    witness_command,
};

use super::python;
use crate::support::{assay, files, server::Server, text};

/// Trains again and signs; the link lies in `to`.
fn witness(bundle: &Path, to: &Path, key: &SigningKey) {
    let pem = to.join(format!("{}.pem", key.keyid().short()));
    fs::write(&pem, &*key.to_pkcs8_pem().unwrap()).unwrap();
    let ended = Command::new(assay())
        .args(["reproduce", text(bundle), "--witness", text(&pem)])
        .current_dir(to)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

/// The platform's own steps, and two of these as witnesses for the weights.
fn own_layout(bundle: &Path, owner: &SigningKey, witnesses: &[PublicKey]) -> Vec<u8> {
    let own = fs::read(bundle.join("layout.json")).unwrap();
    let own = Signed::<Layout>::parse(&own).unwrap();
    let mut layout = own.unverified().clone();
    let keys = witnesses
        .iter()
        .map(|key| (key.keyid(), key.clone().into()));
    layout.keys.extend(keys);
    let keyids = witnesses.iter().map(PublicKey::keyid).collect();
    let mut step = Step::new(WITNESS, keyids, witness_command());
    step.threshold = 2;
    step.expected_materials = vec![
        Rule::matching("*", Artifact::Products, "ingest"),
        Rule::Disallow("*".into()),
    ];
    step.expected_products = vec![
        Rule::matching("*", Artifact::Products, RUN_TRAINING),
        Rule::Disallow("*".into()),
    ];
    let training = layout.steps.iter_mut();
    for training in training.filter(|step| step.name == RUN_TRAINING) {
        let weights = "*/outputs/model.safetensors";
        training.expected_products.splice(
            0..0,
            [
                Rule::matching(weights, Artifact::Products, WITNESS),
                Rule::Disallow(weights.into()),
            ],
        );
    }
    layout.steps.push(step);
    sign(&layout, owner).unwrap()
}

/// Copies a bundle's links.
fn links(bundle: &Path, folder: &Path) {
    let links = files(bundle).into_iter();
    for link in links.filter(|path| path.extension().is_some_and(|end| end == "link")) {
        fs::copy(bundle.join(&link), folder.join(&link)).unwrap();
    }
}

fn in_toto(folder: &Path) -> bool {
    let output = python("in-toto-verify")
        .arg("--layout")
        .arg(folder.join("layout.json"))
        .arg("--verification-keys")
        .arg(folder.join("owner.pub"))
        .arg("--link-dir")
        .arg(folder)
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn in_toto_accepts_two_witnesses_and_no_less() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let bundle = server.bundle(&server.train("wine", &["epochs=3"]), dir.path());
    let folder = dir.path().join("witnessed");
    fs::create_dir(&folder).unwrap();
    links(&bundle, &folder);
    let [owner, one, other] = [(); 3].map(|()| SigningKey::generate());
    fs::write(
        folder.join("layout.json"),
        own_layout(
            &bundle,
            &owner,
            &[one.public().clone(), other.public().clone()],
        ),
    )
    .unwrap();
    fs::write(folder.join("owner.pub"), owner.public().to_pem()).unwrap();
    witness(&bundle, &folder, &one);
    assert!(!in_toto(&folder), "one witness is too few");
    witness(&bundle, &folder, &other);
    assert!(in_toto(&folder));

    let second = folder.join(format!("{WITNESS}.{}.link", other.keyid().short()));
    let whole = fs::read_to_string(&second).unwrap();
    fs::write(&second, whole.replacen("metrics.json", "metrics.jsom", 1)).unwrap();
    assert!(!in_toto(&folder), "a changed witness is none");
}
