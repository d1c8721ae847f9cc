//! Files that we sign inside or convert, with stock packages; and a file that would run a program when Python loads it.

use std::{fs, path::Path};

use super::{model_signing::scene::Scene, python, script, show};
use crate::support::{run, run_ok, text};

fn fixture(name: &str) -> String {
    let folder = "../shared/attest/tests/fixtures/weights";
    format!("{}/{folder}/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_file_signed_inside_loads_and_is_checked_with_stock_packages() {
    let scene = Scene::new();
    let (file, before) = (scene.at("m.safetensors"), fixture("numbers.safetensors"));
    fs::copy(&before, &file).unwrap();
    scene
        .ours("sign m.safetensors --key key.pem --name wine-ü --with-safe-hash --identity ada@example.org")
        .unwrap();
    let check = || {
        let output = python("python")
            .arg(script("check_safetensors.py"))
            .args([&file, &scene.at("key.pub"), &before])
            .output()
            .unwrap();
        if output.status.success() {
            Ok(())
        } else {
            Err(show(&output))
        }
    };
    check().unwrap();
    let verify = |more: &str| scene.ours(&format!("verify m.safetensors --key key.pub {more}"));
    verify("").unwrap();
    assert!(
        verify("--identity ada@example.org").is_err(),
        "it is only claimed"
    );

    // A change of metadata leaves no stale signature.
    assert!(scene.ours("meta m.safetensors --set hello=world").is_err());
    scene
        .ours("meta m.safetensors --set hello=world --key key.pem")
        .unwrap();
    verify("").unwrap();
    check().unwrap();

    let proof = run_ok(&["model", "hash", &file, "--tensor", "int8"]);
    fs::write(scene.at("proof.json"), proof).unwrap();
    verify("--tensor proof.json").unwrap();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(verify("").is_err() && check().is_err());
}

#[test]
fn hashes_agree_for_every_form_and_a_hostile_file_is_not_executed() {
    let dir = tempfile::tempdir().unwrap();
    let hash = |path: &str| run_ok(&["model", "hash", path, "--safe-hash"]);
    let converted = text(&dir.path().join("plain.safetensors")).to_owned();
    run_ok(&["model", "convert", &fixture("plain.bin"), &converted]);
    let expected = fs::read_to_string(fixture("expected.json")).unwrap();
    for path in [
        fixture("plain.safetensors"),
        fixture("plain.legacy.bin"),
        converted,
    ] {
        assert!(expected.contains(hash(&path).trim()), "{path}");
    }
    let refused = run(&["model", "hash", &fixture("hostile.bin")]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("posix.system") && said.contains("nothing was executed"),
        "{said}"
    );
    assert!(!Path::new("executed").exists());
}
