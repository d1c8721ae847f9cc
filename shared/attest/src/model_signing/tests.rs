use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    folder::{DigestCache, Options, linked_folders, manifest, measure},
    *,
};
use crate::{Digest, SigningKey, sigstore::EcPublicKey};

fn model() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::create_dir(dir.path().join(".git")).unwrap();
    for (path, text) in [
        ("config.json", "{}"),
        ("sub/weights", "0123"),
        ("sub.z", "z"),
        (".git/x", "x"),
    ] {
        fs::write(dir.path().join(path), text).unwrap();
    }
    dir
}

fn signed(dir: &Path, key: &SigningKey) -> Vec<u8> {
    let found = manifest(dir, &Options::default(), None).unwrap();
    found.sign(&Signer::Key(key)).unwrap()
}

fn pinned(key: &SigningKey) -> Verifier {
    Verifier::Key(EcPublicKey::try_from(key.public()).unwrap())
}

fn differences(dir: &Path, signature: &[u8], key: &SigningKey) -> Vec<Difference> {
    let verified = verify(signature, &pinned(key)).unwrap();
    let found = measure(dir, &verified.manifest, &Options::default()).unwrap();
    verified.manifest.differences(&found)
}

#[test]
fn what_was_signed_is_verified_and_every_change_named() {
    let (dir, key) = (model(), SigningKey::generate());
    let at = |path: &str| dir.path().join(path);
    let signature = signed(dir.path(), &key);
    assert_eq!(differences(dir.path(), &signature, &key), []);

    fs::write(at(".git/x"), "y").unwrap();
    assert_eq!(differences(dir.path(), &signature, &key), []);

    fs::write(at("config.json"), "[]").unwrap();
    assert_eq!(
        differences(dir.path(), &signature, &key),
        [Difference::Changed("config.json".into())]
    );
    fs::write(at("config.json"), "{}").unwrap();

    fs::write(at("more"), "").unwrap();
    assert_eq!(
        differences(dir.path(), &signature, &key),
        [Difference::Added("more".into())]
    );
    fs::remove_file(at("more")).unwrap();

    fs::rename(at("sub.z"), at("sub.y")).unwrap();
    let renamed = [
        Difference::Missing("sub.z".into()),
        Difference::Added("sub.y".into()),
    ];
    assert_eq!(differences(dir.path(), &signature, &key), renamed);
    fs::rename(at("sub.y"), at("sub.z")).unwrap();

    fs::rename(at("sub.z"), at("t")).unwrap();
    fs::rename(at("config.json"), at("sub.z")).unwrap();
    fs::rename(at("t"), at("config.json")).unwrap();
    assert_eq!(differences(dir.path(), &signature, &key).len(), 2);
}

#[test]
fn another_key_and_any_changed_byte_of_the_statement_are_refused() {
    let (dir, key) = (model(), SigningKey::generate());
    let signature = signed(dir.path(), &key);
    let other = verify(&signature, &pinned(&SigningKey::generate())).unwrap_err();
    assert!(
        matches!(
            other,
            ModelSigningError::Bundle(BundleError::OtherKey { .. })
        ),
        "{other}"
    );
    let bundle = Bundle::parse(&signature).unwrap();
    for at in 0..bundle.payload.len() {
        let mut changed = bundle.clone();
        changed.payload[at] ^= 1;
        assert!(
            verify(&changed.to_bytes(), &pinned(&key)).is_err(),
            "byte {at}"
        );
    }
    for at in 0..bundle.signature.len() {
        let mut changed = bundle.clone();
        changed.signature[at] ^= 1;
        assert!(
            verify(&changed.to_bytes(), &pinned(&key)).is_err(),
            "byte {at}"
        );
    }
}

#[test]
fn links_are_refused_unless_asked_for() {
    let dir = model();
    std::os::unix::fs::symlink("config.json", dir.path().join("link")).unwrap();
    let refused = manifest(dir.path(), &Options::default(), None);
    assert!(matches!(refused, Err(ModelSigningError::Kind { .. })));
    let follow = Options {
        allow_symlinks: true,
        ..Options::default()
    };
    let found = manifest(dir.path(), &follow, None).unwrap();
    assert_eq!(found.resources.len(), 4);

    // Folders are not found through links, as in the reference, and are named.
    for (target, link) in [("sub", "sub-link"), (".", "sub/round"), (".", "sub/again")] {
        std::os::unix::fs::symlink(target, dir.path().join(link)).unwrap();
    }
    let found = manifest(dir.path(), &follow, None).unwrap();
    assert_eq!(found.resources.len(), 4);
    assert_eq!(
        linked_folders(dir.path(), &follow).unwrap(),
        ["sub-link", "sub/again", "sub/round"]
    );
    assert_eq!(measure(dir.path(), &found, &follow).unwrap(), found);
}

/// A signed statement with this content: what a dishonest holder of the key could write.
fn statement_of(
    key: &SigningKey,
    change: impl FnOnce(&mut Value),
) -> Result<Verified, ModelSigningError> {
    let good = Manifest::of("m", [(ResourcePath::new("a").unwrap(), Digest::of(b"a"))]);
    let mut value: Value = serde_json::from_slice(&statement::write(&good)).unwrap();
    change(&mut value);
    let bundle = Signer::Key(key)
        .sign(value.to_string().into_bytes())
        .unwrap();
    verify(&bundle, &pinned(key))
}

#[test]
fn a_signed_statement_that_says_two_things_is_refused() {
    let key = SigningKey::generate();
    assert!(statement_of(&key, |_| {}).is_ok());
    let resources = "/predicate/resources";
    let first = |value: &Value| value.pointer(resources).unwrap()[0].clone();
    type Edit = Box<dyn FnOnce(&mut Value)>;
    let cases: [(&str, Edit); 8] = [
        (
            "no file",
            Box::new(|v| *v.pointer_mut(resources).unwrap() = json!([])),
        ),
        (
            "a file twice",
            Box::new(move |v| *v.pointer_mut(resources).unwrap() = json!([first(v), first(v)])),
        ),
        (
            "another digest of the whole",
            Box::new(|v| v["subject"][0]["digest"]["sha256"] = json!("00")),
        ),
        (
            "two subjects",
            Box::new(|v| v["subject"] = json!([v["subject"][0], v["subject"][0]])),
        ),
        (
            "a path out of the model",
            Box::new(|v| v["predicate"]["resources"][0]["name"] = json!("../a")),
        ),
        (
            "all left out",
            Box::new(|v| v["predicate"]["serialization"]["ignore_paths"] = json!(["."])),
        ),
        (
            "another method",
            Box::new(|v| v["predicate"]["serialization"]["method"] = json!("shards")),
        ),
        (
            "another predicate",
            Box::new(|v| v["predicateType"] = json!("https://slsa.dev/provenance/v1")),
        ),
    ];
    for (name, change) in cases {
        let refused = statement_of(&key, change);
        assert!(refused.is_err(), "{name}");
    }
}

#[test]
fn known_digests_spare_reading_but_not_for_verification() {
    let (dir, key) = (model(), SigningKey::generate());
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    let mut cache = DigestCache::default();
    // Files so young are not kept: they may change once more within a tick of the file system's clock.
    manifest(dir.path(), &Options::default(), Some(&mut cache)).unwrap();
    assert_eq!(cache, DigestCache::default());
    let entry = json!({"stamp": "3:4.5:6.7", "sha256": Digest::of(b"")});
    let text = serde_json::to_vec(&json!({"1:2": entry})).unwrap();
    let known = DigestCache::parse(&text).unwrap();
    assert_eq!(DigestCache::parse(&known.to_bytes()).unwrap(), known);
    assert!(DigestCache::parse(b"{\"a\":1}").is_err());
    // A time of modification that was set back is seen by the time of the change.
    let file = fs::File::options()
        .write(true)
        .open(dir.path().join("sub.z"))
        .unwrap();
    file.set_modified(long_ago).unwrap();
    let mut cache = DigestCache::default();
    manifest(dir.path(), &Options::default(), Some(&mut cache)).unwrap();
    assert_eq!(cache, DigestCache::default());
    assert_eq!(differences(dir.path(), &signed(dir.path(), &key), &key), []);
}

#[test]
fn a_bundle_is_written_as_the_reference_reads_it() {
    let (dir, key) = (model(), SigningKey::generate());
    let signature = signed(dir.path(), &key);
    let value: Value = serde_json::from_slice(&signature).unwrap();
    assert_eq!(value["verificationMaterial"]["tlogEntries"], json!([]));
    let hint = Digest::of(key.public().to_pem().as_bytes()).to_string();
    assert_eq!(value["verificationMaterial"]["publicKey"]["hint"], hint);
    assert_eq!(value["dsseEnvelope"]["signatures"][0]["keyid"], "");
    let payload = STANDARD
        .decode(value["dsseEnvelope"]["payload"].as_str().unwrap())
        .unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    let names: Vec<_> = statement["predicate"]["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["name"])
        .collect();
    assert_eq!(names, ["config.json", "sub/weights", "sub.z"]);
}
