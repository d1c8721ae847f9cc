//! Weights as `PyTorch` and safetensors write them: safemodels' hash of each, and the same from either form.
//! The files and the expected values were made by `fixtures/make_weights.py`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
};

use assay_attest::{
    pickle::{self, PickleError},
    safetensors::{self, Header},
    tensors::{Weights, digest, fingerprint},
};

fn path(name: &str) -> PathBuf {
    PathBuf::from(format!(
        "{}/tests/fixtures/weights/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
}

fn open(name: &str) -> (File, Weights) {
    let file = File::open(path(name)).unwrap();
    let weights = if name.ends_with(".safetensors") {
        Header::read(&file).unwrap().weights
    } else {
        pickle::read(&file).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    (file, weights)
}

fn expected() -> BTreeMap<String, Option<String>> {
    serde_json::from_slice(&fs::read(path("expected.json")).unwrap()).unwrap()
}

#[test]
fn the_hash_is_that_of_safemodels() {
    let mut compared = 0;
    for (name, theirs) in expected() {
        let (file, weights) = open(&format!("{name}.safetensors"));
        let ours = fingerprint(&file, &weights).unwrap();
        if let Some(theirs) = theirs {
            assert_eq!(ours, theirs, "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 5, "{compared}");
}

#[test]
fn both_forms_of_the_same_weights_agree() {
    let mut pairs: Vec<(String, String)> = expected()
        .into_keys()
        .map(|name| (format!("{name}.bin"), name))
        .collect();
    for (bin, name) in [
        ("plain.legacy.bin", "plain"),
        ("plain.protocol4.bin", "plain"),
        ("strided.legacy.bin", "strided"),
    ] {
        pairs.push((bin.to_owned(), name.to_owned()));
    }
    for (bin, name) in pairs {
        let ((pickled, a), (safe, b)) = (open(&bin), open(&format!("{name}.safetensors")));
        assert_eq!(
            fingerprint(&pickled, &a).unwrap(),
            fingerprint(&safe, &b).unwrap(),
            "{bin}"
        );
        assert_eq!(
            digest(&pickled, &a).unwrap(),
            digest(&safe, &b).unwrap(),
            "{bin}"
        );
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("converted.safetensors");
        safetensors::convert(&pickled, &a, BTreeMap::new(), &to).unwrap();
        let converted = File::open(&to).unwrap();
        let weights = Header::read(&converted).unwrap().weights;
        assert_eq!(
            digest(&converted, &weights).unwrap(),
            digest(&safe, &b).unwrap(),
            "{bin}"
        );
    }
    let (_, weights) = open("parameter.bin");
    assert_eq!(weights.tensors.keys().collect::<Vec<_>>(), ["w"]);
}

#[test]
fn a_hostile_file_is_refused_by_the_name_of_what_it_calls() {
    for name in ["hostile.bin", "hostile.legacy.bin"] {
        match pickle::read(&File::open(path(name)).unwrap()) {
            Err(PickleError::Forbidden(call)) => assert_eq!(call, "posix.system"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let checkpoint = pickle::read(&File::open(path("checkpoint.bin")).unwrap());
    assert!(matches!(checkpoint, Err(PickleError::Unsupported(_))));
}

#[test]
fn each_tensor_is_provable_alone_and_no_other_passes_for_it() {
    let (file, weights) = open("numbers.safetensors");
    let all = digest(&file, &weights).unwrap();
    for leaf in all.leaves() {
        let proof = all.prove(&leaf.name).unwrap();
        assert_eq!(proof.digest(), Some(all.hex()));
        let text = serde_json::to_string(&proof).unwrap();
        assert_eq!(
            serde_json::from_str::<assay_attest::tensors::TensorProof>(&text).unwrap(),
            proof
        );
        let mut renamed = proof.clone();
        renamed.tensor.name.push('x');
        let mut reshaped = proof.clone();
        reshaped.tensor.shape.reverse();
        let mut retyped = proof.clone();
        retyped.tensor.dtype = "U32".into();
        let mut moved = proof.clone();
        moved.index = (moved.index + 1) % moved.count;
        for other in [renamed, reshaped, retyped, moved] {
            assert_ne!(other.digest(), Some(all.hex()), "{other:?}");
        }
    }
    assert_eq!(all.prove("other"), None);
}
