//! Our verdicts on layouts with their links beside those of in-toto's own verifier.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use assay_attest::{SigningKey, VerificationKey};
use assay_platform::supply_chain;
use serde::Deserialize;

use super::{python, script, show};
use crate::support::program;

#[derive(Deserialize)]
struct Verdict {
    set: String,
    kind: String,
    accepted: bool,
    error: String,
}

/// Another seed than the usual one: `ASSAY_TEST_SEED=12`.
fn seed() -> String {
    std::env::var("ASSAY_TEST_SEED").unwrap_or_else(|_| "2026".into())
}

fn owners(set: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(set)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pub"))
        .collect();
    files.sort();
    files
}

fn ours(set: &Path) -> Result<(), String> {
    let owners: Vec<_> = owners(set)
        .iter()
        .map(|path| VerificationKey::from_pem(&fs::read_to_string(path).unwrap()).unwrap())
        .collect();
    let (layout, links) = (set.join("layout.json"), set.join("links"));
    supply_chain::verify(&layout, &links, &owners, &set.join("product"))
        .map(|_| ())
        .map_err(|error| error.to_string())
}

#[test]
fn the_verdict_on_each_layout_is_that_of_in_toto() {
    let dir = tempfile::tempdir().unwrap();
    let made = python("python")
        .arg(script("make_layouts.py"))
        .arg(dir.path())
        .arg(seed())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", show(&made));
    eprintln!("{}", String::from_utf8_lossy(&made.stdout).trim());
    let verdicts = fs::read(dir.path().join("verdicts.json")).unwrap();
    let verdicts: Vec<Verdict> = serde_json::from_slice(&verdicts).unwrap();

    let mut kinds: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut different = Vec::new();
    for verdict in &verdicts {
        let ours = ours(&dir.path().join(&verdict.set));
        if ours.is_ok() != verdict.accepted {
            different.push(format!(
                "{}: in-toto says {} {}, ours {ours:?}",
                verdict.set, verdict.accepted, verdict.error
            ));
        }
        kinds.entry(&verdict.kind).or_default()[usize::from(verdict.accepted)] += 1;
    }
    assert!(different.is_empty(), "seed {}: {different:#?}", seed());
    // The sets say something: enough of each kind, and enough of either verdict.
    let accepted = verdicts.iter().filter(|one| one.accepted).count();
    assert!(verdicts.len() >= 200, "{}", verdicts.len());
    assert!(accepted * 10 >= verdicts.len() * 4 && accepted * 10 <= verdicts.len() * 6);
    assert!(kinds.len() >= 15, "{kinds:?}");
    assert!(
        kinds
            .values()
            .all(|[refused, accepted]| refused + accepted >= 20 && *refused > 0)
    );
}

#[test]
fn in_toto_accepts_what_we_sign_and_we_what_it_signs() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let keys: Vec<SigningKey> = (0..2).map(|_| SigningKey::generate()).collect();
    for (number, key) in keys.iter().enumerate() {
        fs::write(path(&format!("{number}.pem")), key.to_pkcs8_pem().unwrap()).unwrap();
        fs::write(path(&format!("{number}.pub")), key.public().to_pem()).unwrap();
    }
    let layout = r#"{"_type": "layout", "readme": "", "expires": "2099-01-01T00:00:00Z", "keys": {}, "inspect": [
        {"_type": "inspection", "name": "look", "run": ["true"], "expected_products": [],
         "expected_materials": [["REQUIRE", "0.pem"], ["DISALLOW", "*.txt"]]}], "steps": []}"#;
    fs::write(path("bare.json"), layout).unwrap();
    for form in ["metablock", "dsse"] {
        let signed = path(&format!("{form}.json"));
        let assay = |arguments: &[&str]| {
            let mut command = Command::new(program("assay"));
            command.current_dir(dir.path()).args(arguments);
            command.output().unwrap()
        };
        let output = signed.to_str().unwrap();
        let sign = [
            "intoto",
            "sign",
            "bare.json",
            "--form",
            form,
            "--output",
            output,
        ];
        let made = assay(&[&sign[..], &["--key", "0.pem", "1.pem"]].concat());
        assert!(made.status.success(), "{}", show(&made));

        let both = |expected: bool| {
            let theirs = python("in-toto-verify")
                .current_dir(dir.path())
                .args(["--layout", output, "--verification-keys", "0.pub", "1.pub"])
                .output()
                .unwrap();
            assert_eq!(theirs.status.success(), expected, "{}", show(&theirs));
            let verify = [
                "intoto", "verify", "--layout", output, "--key", "0.pub", "1.pub",
            ];
            let ours = assay(&verify);
            assert_eq!(ours.status.success(), expected, "{}", show(&ours));
        };
        both(true);
        fs::write(path("more.txt"), "").unwrap();
        both(false);
        fs::remove_file(path("more.txt")).unwrap();
        // One of the two owners has not signed.
        let made = assay(&[&sign[..], &["--key", "0.pem"]].concat());
        assert!(made.status.success(), "{}", show(&made));
        both(false);
    }
}
