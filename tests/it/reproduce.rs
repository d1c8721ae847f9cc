//! Training again what a bundle proves gives the same model, and what was changed is not trained at all.

use std::{fs, path::Path};

use serde_json::Value;

use super::support::{
    files, run,
    server::{Folder, Server},
    text,
};

/// Runs `assay reproduce`; whether it ended well, and the last thing that it told machines.
fn reproduce(bundle: &Path, more: &[&str]) -> (bool, Value) {
    let mut arguments = vec!["reproduce", "--json", text(bundle)];
    arguments.extend(more);
    let ended = run(&arguments);
    let said = String::from_utf8(ended.stdout).unwrap();
    let last = said.lines().last().unwrap_or_else(|| {
        panic!("{}", String::from_utf8_lossy(&ended.stderr));
    });
    (ended.status.success(), serde_json::from_str(last).unwrap())
}

fn training_link(bundle: &Path) -> Value {
    let mut names = files(bundle).into_iter();
    let name = names.find(|path| path.to_string_lossy().starts_with("run_training."));
    serde_json::from_slice(&fs::read(bundle.join(name.unwrap())).unwrap()).unwrap()
}

#[test]
fn both_samples_give_the_same_model_again() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    for (sample, parameters, epochs) in [
        ("wine", ["epochs=7", "seed=3"], 7),
        ("digits", ["epochs=2", "initial_epoch=0"], 2),
    ] {
        let job = server.train(sample, &parameters);
        let bundle = server.bundle(&job, dir.path());
        let link = training_link(&bundle);
        let transcript = &link["signed"]["byproducts"]["transcript"];
        assert_eq!(transcript["last-epoch"], epochs, "{transcript}");
        let (good, verdict) = reproduce(&bundle, &[]);
        assert!(good, "{verdict}");
        assert_eq!(verdict["reproduced"], "identical");
        assert_eq!(verdict["epochs_equal"], epochs + 1);
        assert_eq!(verdict["first_differing_epoch"], Value::Null);
        for side in ["arithmetic", "program_sha256", "model_sha256"] {
            assert_eq!(verdict[side]["here"], verdict[side]["recorded"], "{side}");
        }
        let outputs = verdict["outputs"].as_object().unwrap();
        assert_eq!(outputs.len(), 5);
        assert!(outputs.values().all(|same| same == true), "{verdict}");
        let verified = server.client(&["verify", "--json", text(&bundle)]);
        assert!(
            verified.contains(r#""name":"transcript","outcome":"passed""#),
            "{verified}"
        );
    }
}

#[test]
fn what_was_changed_is_refused_before_anything_is_trained() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let job = server.train("wine", &["epochs=3", "seed=1"]);
    let bundle = server.bundle(&job, dir.path());
    let parameters = files(&bundle)
        .into_iter()
        .find(|path| path.ends_with("inputs/parameters.json"))
        .unwrap();
    let path = bundle.join(parameters);
    let whole = fs::read_to_string(&path).unwrap();
    assert!(whole.contains(r#""seed":1"#), "{whole}");
    fs::write(&path, whole.replace(r#""seed":1"#, r#""seed":2"#)).unwrap();
    let (good, verdict) = reproduce(&bundle, &[]);
    assert!(!good);
    assert_eq!(verdict["reproduced"], "refused", "{verdict}");
    let said = run(&["reproduce", text(&bundle)]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("nothing was trained"), "{said}");
    assert!(!said.contains("epoch "), "{said}");

    fs::write(&path, whole).unwrap();
    let (good, verdict) = reproduce(&bundle, &[]);
    assert!(good, "{verdict}");
}

#[test]
fn a_part_of_a_training_is_run_again_from_a_checkpoint_that_was_kept() {
    let keep = [
        ("ASSAY__CHECKPOINTS__MIN_SECONDS", "0"),
        ("ASSAY__CHECKPOINTS__KEEP", "2"),
    ];
    let server = Server::over(Folder::new(), &keep);
    let dir = tempfile::tempdir().unwrap();
    let job = server.train("wine", &["epochs=6"]);
    let bundle = server.bundle(&job, dir.path());
    server.client(&["verify", text(&bundle)]);
    let kept: Vec<_> = files(&bundle)
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("/checkpoints/"))
        .collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    for (epochs, equal) in [("4..5", 6), ("5..6", 7), ("0..2", 3)] {
        let (good, verdict) = reproduce(&bundle, &["--epochs", epochs]);
        assert!(good, "{epochs}: {verdict}");
        assert_eq!(verdict["reproduced"], "identical");
        assert_eq!(verdict["epochs_equal"], equal, "{verdict}");
    }
    let (good, refused) = reproduce(&bundle, &["--epochs", "2..3"]);
    assert!(!good);
    let said = refused["error"].as_str().unwrap();
    assert!(said.contains("only after: 4, 5"), "{said}");
    let (good, _) = reproduce(&bundle, &["--epochs", "5..7"]);
    assert!(!good, "there is no epoch 7");

    // A checkpoint is a part of the proof like any other.
    let path = bundle.join(&kept[0]);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (good, verdict) = reproduce(&bundle, &["--epochs", "4..5"]);
    assert!(!good);
    assert_eq!(verdict["reproduced"], "refused");
}
