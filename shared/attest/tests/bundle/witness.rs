//! Links of those who trained again, beside the proof.

use super::*;
use assay_attest::{WITNESS, witness_link};

/// A proof whose layout lets a second worker train, both layouts' keys, and the link of that worker as a witness.
struct Scene {
    keys: Keys,
    second: SigningKey,
    files: Files,
    link: Link,
}

fn scene() -> Scene {
    let (keys, second) = (Keys::generate(), SigningKey::generate());
    let mut functionaries = keys.functionaries();
    let mut other = functionaries[1].clone();
    other.key = second.public().clone();
    functionaries.push(other);
    let mut job = Job::sample(&keys);
    job.layout =
        assay_attest::platform_layout(&functionaries, now() + assay_attest::LAYOUT_VALIDITY);
    let mut link = witness_link(&job.training);
    let of = job.training.environment.get("job").unwrap().clone();
    link.environment.insert("job".to_owned(), of);
    Scene {
        files: job.sign(&keys).unwrap(),
        keys,
        second,
        link,
    }
}

impl Scene {
    /// The report with a link by this key beside the proof.
    fn with(&self, link: &Link, key: &SigningKey) -> Report {
        let mut files = self.files.clone();
        let name = link_file_name(WITNESS, &key.keyid());
        files.insert(name, intoto::sign(link, key).unwrap());
        verify(&files, &self.keys.trust().unwrap())
    }
}

#[test]
fn a_second_worker_may_vouch_for_a_training() {
    let scene = scene();
    let report = scene.with(&scene.link, &scene.second);
    assert!(report.is_verified(), "{report:?}");
    let rows = report.checks.iter().filter(|check| check.name == "witness");
    assert_eq!(rows.count(), 1);
}

#[test]
fn nobody_else_may_and_the_trainer_not_for_himself() {
    let scene = scene();
    let stranger = SigningKey::generate();
    for key in [&stranger, &scene.keys.worker, &scene.keys.api] {
        assert_eq!(failed(&scene.with(&scene.link, key)), ["witness"]);
    }
    let mut trust = scene.keys.trust().unwrap();
    trust.revoked.push(Revocation {
        keyid: scene.second.keyid(),
        at: now(),
        reason: "stolen".to_owned(),
    });
    let mut files = scene.files.clone();
    let name = link_file_name(WITNESS, &scene.second.keyid());
    files.insert(name, intoto::sign(&scene.link, &scene.second).unwrap());
    assert_eq!(failed(&verify(&files, &trust)), ["witness"]);
}

#[test]
fn a_witness_says_what_the_training_said() {
    let scene = scene();
    let changes: [fn(&mut Link); 6] = [
        |link| {
            link.products
                .insert(output("model.safetensors"), Digest::of(b"other"));
        },
        |link| {
            link.products.remove(&output("metrics.json"));
        },
        |link| {
            link.products.insert(output("logs.txt"), Digest::of(b"log"));
        },
        |link| {
            link.materials.pop_first();
        },
        |link| link.command.push("more".to_owned()),
        |link| {
            let other = serde_json::json!({"id": "another"});
            link.environment.insert("job".to_owned(), other);
        },
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let mut link = scene.link.clone();
        change(&mut link);
        let failed = failed(&scene.with(&link, &scene.second));
        assert_eq!(failed, ["witness"], "change {place}");
    }
    // A byte of the signed file, and a name that is not its own.
    let name = link_file_name(WITNESS, &scene.second.keyid());
    let whole = intoto::sign(&scene.link, &scene.second).unwrap();
    let trust = scene.keys.trust().unwrap();
    for place in 0..whole.len() {
        let mut files = scene.files.clone();
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        files.insert(name.clone(), bytes);
        assert!(!verify(&files, &trust).is_verified(), "byte {place}");
    }
    let mut files = scene.files;
    files.insert("witness.00000000.link".to_owned(), whole);
    assert_eq!(failed(&verify(&files, &trust)), ["witness"]);
}
