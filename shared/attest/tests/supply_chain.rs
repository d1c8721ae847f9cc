//! Layouts and links that in-toto's own library wrote, with a key of each kind, and what can be done to them.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;

use assay_attest::{
    SigningKey, VerificationKey,
    intoto::{ChainError, Form, Metadata, MetadataError, Payload, Summary, verify_layout},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};

type Files = BTreeMap<String, Vec<u8>>;

const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

fn fixture(container: &str) -> Files {
    let folder = format!(
        "{}/tests/fixtures/foreign/{container}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

fn owner() -> VerificationKey {
    VerificationKey::from_pem(include_str!("fixtures/foreign/owner.pub")).unwrap()
}

fn verify(files: &Files, owners: &[VerificationKey]) -> Result<Summary, String> {
    let layout = Metadata::parse(&files["layout.json"]).map_err(|error| error.to_string())?;
    let mut read = |path: &str| Ok(files.get(path).cloned());
    verify_layout(&layout, owners, &mut read, None, NOW).map_err(|error| error.to_string())
}

/// The name of the only link of a step, or of its first.
fn link(files: &Files, step: &str) -> String {
    let mut names = files.keys();
    let found = names.find(|name| name.starts_with(step) && name.ends_with(".link"));
    found.unwrap().clone()
}

#[test]
fn in_totos_own_chain_is_verified_in_both_containers_and_mixed() {
    let [metablock, dsse] = ["metablock", "dsse"].map(fixture);
    let mut mixed = metablock.clone();
    let name = link(&dsse, "write");
    mixed.insert(name.clone(), dsse[&name].clone());
    for files in [&metablock, &dsse, &mixed] {
        let summary = verify(files, &[owner()]).unwrap();
        assert!(summary.materials.is_empty());
        assert_eq!(summary.products["app"].len(), 2);
    }
}

#[test]
fn every_signature_and_every_owner_counts() {
    let stranger: VerificationKey = SigningKey::generate().public().clone().into();
    for container in ["metablock", "dsse"] {
        let files = fixture(container);
        for owners in [&[stranger.clone()][..], &[owner(), stranger.clone()], &[]] {
            assert!(verify(&files, owners).is_err());
        }
        // One of the two functionaries of `write` is missing.
        let mut fewer = files.clone();
        fewer.remove(&link(&files, "write")).unwrap();
        let refused = verify(&fewer, &[owner()]).unwrap_err();
        assert!(refused.contains("2 needed"), "{refused}");
        // A digest in a link, as it stands in either container.
        for (name, bytes) in files.iter().filter(|(name, _)| name.ends_with(".link")) {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let edited = text
                .replacen("1111111111", "1111111112", 1)
                .replacen("MTExMTEx", "MTExMTEy", 1);
            assert_ne!(edited, text);
            let mut changed = files.clone();
            changed.insert(name.clone(), edited.into_bytes());
            assert!(verify(&changed, &[owner()]).is_err(), "{name}");
        }
    }
}

/// Layout and link of one step, signed by `key`, with this change to the layout.
fn small(key: &SigningKey, form: Form, change: impl Fn(&mut Value)) -> Files {
    let pem = key.public().to_pem();
    let keyid = key.keyid().to_string();
    let mut layout = json!({
        "_type": "layout", "readme": "", "expires": "2030-01-01T00:00:00Z", "inspect": [],
        "keys": {&keyid: {"keyid": keyid, "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem}}},
        "steps": [{
            "_type": "step", "name": "s", "expected_materials": [], "expected_products": [["REQUIRE", "p"]],
            "pubkeys": [keyid], "expected_command": [], "threshold": 1,
        }],
    });
    change(&mut layout);
    let link = json!({
        "_type": "link", "name": "s", "command": [], "materials": {}, "products": {"p": {"sha256": "00"}},
        "byproducts": {}, "environment": {},
    });
    let sign = |value: &Value| {
        let mut metadata = Metadata::unsigned(value.to_string().as_bytes(), form).unwrap();
        metadata.sign(key).unwrap();
        metadata.to_bytes()
    };
    [
        ("layout.json".to_owned(), sign(&layout)),
        (format!("s.{}.link", key.keyid().short()), sign(&link)),
    ]
    .into()
}

#[test]
fn layouts_cannot_reach_out_of_the_folder_run_commands_or_nest_without_end() {
    let key = SigningKey::generate();
    let own: VerificationKey = key.public().clone().into();
    for form in [Form::Metablock, Form::Dsse] {
        let verdict = |change: &dyn Fn(&mut Value)| {
            verify(&small(&key, form, change), std::slice::from_ref(&own))
        };
        assert!(verdict(&|_| ()).is_ok());
        let refused = |change: &dyn Fn(&mut Value), why: &str| {
            let reason = verdict(change).unwrap_err();
            assert!(reason.contains(why), "{reason}");
        };
        refused(
            &|layout| layout["steps"][0]["name"] = json!("../s"),
            "not an artifact's path",
        );
        refused(
            &|layout| layout["expires"] = json!("2026-06-01T12:00:00Z"),
            "expired",
        );
        let inspection = json!({
            "_type": "inspection", "name": "i", "expected_materials": [], "expected_products": [], "run": ["true"],
        });
        refused(
            &|layout| layout["inspect"] = json!([inspection]),
            "were not given",
        );
        // A layout in the place of its own link.
        let mut endless = small(&key, form, |_| ());
        let itself = endless["layout.json"].clone();
        let layout = Metadata::parse(&itself).unwrap();
        let mut read = |_: &str| Ok(Some(itself.clone()));
        let owners = std::slice::from_ref(&own);
        assert_eq!(
            verify_layout(&layout, owners, &mut read, None, NOW),
            Err(ChainError::TooMuch("layouts lie too deep in one another"))
        );
        // A link is no layout.
        let name = link(&endless, "s.");
        endless.insert("layout.json".into(), endless[&name].clone());
        assert!(verify(&endless, owners).is_err());
    }
}

#[test]
fn an_inspection_hashes_and_runs_nothing() {
    let key = SigningKey::generate();
    let own: VerificationKey = key.public().clone().into();
    let verdict = |run: Value, file: &str| {
        let inspection = json!({
            "_type": "inspection", "name": "i", "run": run, "expected_products": [],
            "expected_materials": [["MATCH", "*", "WITH", "PRODUCTS", "FROM", "s"], ["DISALLOW", "*"]],
        });
        let files = small(&key, Form::Dsse, |layout| {
            layout["inspect"] = json!([inspection])
        });
        let layout = Metadata::parse(&files["layout.json"]).unwrap();
        let mut read = |path: &str| Ok(files.get(path).cloned());
        let digest = [("sha256".to_owned(), file.to_owned())].into();
        let product = [("p".to_owned(), digest)].into();
        verify_layout(
            &layout,
            std::slice::from_ref(&own),
            &mut read,
            Some(&product),
            NOW,
        )
    };
    assert!(verdict(json!(["true"]), "00").is_ok());
    assert!(matches!(
        verdict(json!(["true"]), "01"),
        Err(ChainError::Rule(_))
    ));
    for run in [json!([]), json!(["true", "x"]), json!(["rm", "-rf", "/"])] {
        assert!(matches!(
            verdict(run, "00"),
            Err(ChainError::Inspection { .. })
        ));
    }
}

#[test]
fn shapes_that_say_two_things_are_refused() {
    let key = SigningKey::generate();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut layout: Value = serde_json::from_slice(&bare(&key)).unwrap();
        change(&mut layout);
        let bytes = layout.to_string();
        for form in [Form::Metablock, Form::Dsse] {
            let read = Metadata::unsigned(bytes.as_bytes(), form);
            assert!(matches!(read, Err(MetadataError::Shape(_))), "{bytes}");
        }
    };
    refused(&|layout| layout["more"] = json!(1));
    refused(&|layout| layout["steps"][0]["more"] = json!(1));
    refused(&|layout| layout["steps"] = json!([layout["steps"][0], layout["steps"][0]]));
    refused(&|layout| layout["steps"][0]["threshold"] = json!(-1));
    refused(&|layout| layout["steps"][0]["expected_products"] = json!([["PERMIT", "a"]]));
    refused(&|layout| {
        let inspection = json!({
            "_type": "inspection", "name": "s", "run": ["true"], "expected_materials": [], "expected_products": [],
        });
        layout["inspect"] = json!([inspection]);
    });
    // A key under another's id could count twice towards a threshold.
    refused(&|layout| {
        let keys = layout["keys"].as_object_mut().unwrap();
        let mut key = keys.values().next().unwrap().clone();
        key["keyid"] = json!("00".repeat(32));
        keys.insert("00".repeat(32), key);
    });
    refused(&|layout| {
        let keys = layout["keys"].as_object_mut().unwrap();
        keys.values_mut().next().unwrap()["scheme"] = json!("ed25519");
    });
}

/// The JSON of the layout of [`small`].
fn bare(key: &SigningKey) -> Vec<u8> {
    let files = small(key, Form::Metablock, |_| ());
    let value: Value = serde_json::from_slice(&files["layout.json"]).unwrap();
    value["signed"].to_string().into_bytes()
}

#[test]
fn signatures_gather_and_a_change_of_container_drops_them() {
    let [a, b] = std::array::from_fn(|_| SigningKey::generate());
    let keys = [&a, &b].map(|key| VerificationKey::from(key.public().clone()));
    for (form, other) in [(Form::Metablock, Form::Dsse), (Form::Dsse, Form::Metablock)] {
        let mut metadata = Metadata::unsigned(&bare(&a), form).unwrap();
        for key in [&a, &b, &a] {
            metadata.sign(key).unwrap();
        }
        let again = Metadata::parse(&metadata.to_bytes()).unwrap();
        for key in &keys {
            again.verify(key).unwrap();
        }
        let moved = again.clone().into_form(other).unwrap();
        assert_eq!(moved.payload(), again.payload());
        assert!(matches!(
            moved.verify(&keys[0]),
            Err(MetadataError::Unsigned(_))
        ));
        assert_eq!(again.clone().into_form(form).unwrap(), again);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Metadata::parse(&bytes).is_err());
        prop_assert!(VerificationKey::from_pem(&String::from_utf8_lossy(&bytes)).is_err());
    }

    #[test]
    fn a_flipped_bit_of_a_signed_file_never_changes_what_is_believed(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        for container in ["metablock", "dsse"] {
            let mut files = fixture(container);
            let whole = Metadata::parse(&files["layout.json"]).unwrap();
            let bytes = files.get_mut("layout.json").unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let Ok(changed) = Metadata::parse(bytes) else { continue };
            // White space and unsigned members may change, but not what the signature covers.
            if changed.verify(&owner()).is_ok() {
                prop_assert_eq!(changed.payload(), whole.payload());
            }
        }
    }

    #[test]
    fn any_text_in_a_link_survives_both_containers(text in any::<String>(), hex in "[0-9a-fA-F]{2,64}") {
        let key = SigningKey::generate();
        let link = json!({
            "_type": "link", "name": text, "command": [text], "materials": {&text: {&text: hex}}, "products": {},
            "byproducts": {&text: text}, "environment": {},
        });
        for form in [Form::Metablock, Form::Dsse] {
            let mut metadata = Metadata::unsigned(link.to_string().as_bytes(), form).unwrap();
            metadata.sign(&key).unwrap();
            let again = Metadata::parse(&metadata.to_bytes()).unwrap();
            again.verify(&key.public().clone().into()).unwrap();
            let Payload::Link(read) = again.payload() else { panic!("it is a link") };
            prop_assert_eq!(&read.name, &text);
            prop_assert_eq!(&read.materials[&text][&text], &hex);
        }
    }
}
