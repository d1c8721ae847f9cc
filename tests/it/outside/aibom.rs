//! AIBoMs before CycloneDX' own validator and sbom-tools, in both versions of CycloneDX.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use assay_attest::aibom::score::{RuleSet, score};
use serde_json::{Value, json};

use super::proof::cyclonedx;
use crate::support::{
    run, run_ok,
    server::{Inputs, Server},
    text,
};

/// What a submitter may have of their own: an older version, nested components, a reference that is also ours.
const SBOM: &str = r#"{
    "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
    "components": [
        {"type": "framework", "bom-ref": "dataset", "name": "keras", "version": "3.15.1",
         "purl": "pkg:pypi/keras@3.15.1", "licenses": [{"license": {"id": "Apache-2.0"}}],
         "components": [{"type": "library", "name": "numpy", "licenses": [{"expression": "BSD-3-Clause AND MIT"}]}]}
    ]
}"#;

type Fired = BTreeMap<String, String>;

/// What sbom-tools finds in each file: rule and severity.
fn sbom_tools(files: &[PathBuf]) -> Vec<Fired> {
    let program = std::env::var("ASSAY_TEST_SBOM_TOOLS")
        .expect("ASSAY_TEST_SBOM_TOOLS names the checker in tests/outside/sbom-tools; run ./test");
    let output = Command::new(program).args(files).output().unwrap();
    let said = super::show(&output);
    assert!(output.status.success(), "{said}");
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let all: Vec<Fired> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(all.len(), files.len(), "{said}");
    all
}

/// Hands in the digits sample, with what its authors say of it or without; gives the bundle's folder.
fn digits(server: &Server, dir: &Path, version: &str, with_metadata: bool) -> PathBuf {
    let inputs = tempfile::tempdir().unwrap();
    let files = Inputs::sample("digits", inputs.path());
    let metadata = inputs.path().join("metadata.yaml");
    let mut arguments = vec![
        "submit",
        "--json",
        "--aibom",
        version,
        "--param",
        "epochs=2",
        "--model",
        text(&files.model),
        "--dataset",
        text(&files.dataset),
        "--definition",
        text(&files.definition),
    ];
    let sbom = inputs.path().join("own.json");
    fs::write(&sbom, SBOM).unwrap();
    if with_metadata {
        arguments.extend(["--metadata", text(&metadata), "--sbom", text(&sbom)]);
    }
    let accepted: Value = serde_json::from_str(&server.client(&arguments)).unwrap();
    let job = accepted["job_id"].as_str().unwrap();
    server.client(&["logs", "-f", job]);
    let bundle = server.bundle(job, dir);
    run_ok(&["verify", text(&bundle)]);
    bundle
}

fn read(bundle: &Path) -> Value {
    serde_json::from_slice(&fs::read(bundle.join("aibom.json")).unwrap()).unwrap()
}

#[test]
fn both_versions_are_valid_and_lack_nothing_and_silence_is_not_filled_in() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("trust/platform.pub");
    for version in ["1.6", "1.7"] {
        let bundle = digits(&server, dir.path(), version, true);
        let file = bundle.join("aibom.json");
        assert_eq!(read(&bundle)["specVersion"], version);
        cyclonedx(&file, &key).unwrap();
        let fired = sbom_tools(std::slice::from_ref(&file)).remove(0);
        assert!(
            fired.values().all(|severity| severity == "info"),
            "{fired:?}"
        );
        let own = component(&mut read(&bundle), "supplied-sbom").clone();
        assert_eq!(own["components"][1]["name"], "numpy", "{own}");
        let said = run_ok(&["bom", "score", text(&file)]);
        assert!(said.contains("0 errors, 0 warnings"), "{said}");
        agree(dir.path(), &read(&bundle));

        let bundle = digits(&server, dir.path(), version, false);
        let file = bundle.join("aibom.json");
        cyclonedx(&file, &key).unwrap();
        let silent = read(&bundle);
        let subject = silent["metadata"]["component"]["properties"].to_string();
        assert!(subject.contains("the submitter said nothing"), "{subject}");
        assert!(!silent.to_string().contains("claimed"));
        let scored = run(&["bom", "score", "--json", text(&file)]);
        assert_eq!(scored.status.code(), Some(1));
        let scored: Value = serde_json::from_slice(&scored.stdout).unwrap();
        let ours: BTreeSet<String> = scored["elements"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["severity"] != "info" && one["state"] == "missing")
            .map(|one| one["rule"].as_str().unwrap().to_owned())
            .collect();
        let theirs = sbom_tools(&[file]).remove(0);
        let theirs: BTreeSet<String> = theirs
            .into_iter()
            .filter(|(_, severity)| severity != "info")
            .map(|(rule, _)| rule)
            .collect();
        assert_eq!(ours, theirs);
        assert!(ours.contains("SBOM-BSIAI-MODEL-LICENSE"), "{ours:?}");
        assert!(ours.contains("SBOM-BSIAI-DATASET-SENSITIVITY"), "{ours:?}");
    }
}

type Change = fn(&mut Value);

/// Each takes one element away, from everything that has it.
const CHANGES: [(&str, Change); 30] = [
    ("tools", |bom| remove(bom, "/metadata", "tools")),
    ("timestamp", |bom| remove(bom, "/metadata", "timestamp")),
    ("subject", |bom| remove(bom, "/metadata", "component")),
    ("signature", |bom| remove(bom, "", "signature")),
    ("dependencies", |bom| remove(bom, "", "dependencies")),
    ("version", |bom| of_model(bom, "version")),
    ("purl", |bom| of_model(bom, "purl")),
    ("model hashes", |bom| of_model(bom, "hashes")),
    ("weak hash", |bom| {
        model(bom)["hashes"] = json!([{"alg": "MD5", "content": "00".repeat(16)}]);
    }),
    ("model licence", |bom| of_model(bom, "licenses")),
    ("description", |bom| of_model(bom, "description")),
    ("makers", |bom| {
        for member in ["authors", "manufacturer", "supplier"] {
            of_model(bom, member);
        }
    }),
    ("card", |bom| remove(model(bom), "", "modelCard")),
    ("card's reference", |bom| {
        remove(model(bom), "", "externalReferences");
    }),
    ("architecture", |bom| {
        for member in ["architectureFamily", "modelArchitecture"] {
            remove(model(bom), "/modelCard/modelParameters", member);
        }
    }),
    ("training data", |bom| {
        remove(model(bom), "/modelCard/modelParameters", "datasets");
    }),
    ("nested training data", |bom| {
        remove(model(bom), "/modelCard/modelParameters", "datasets");
        let data = dataset(bom).clone();
        model(bom)["components"] = json!([data]);
    }),
    ("limits", |bom| consideration(bom, "technicalLimitations")),
    ("purpose", |bom| consideration(bom, "useCases")),
    ("risks", |bom| consideration(bom, "ethicalConsiderations")),
    ("metrics", |bom| {
        remove(model(bom), "/modelCard", "quantitativeAnalysis");
    }),
    ("model's type", |bom| {
        model(bom)["type"] = "application".into();
    }),
    ("data", |bom| remove(dataset(bom), "", "data")),
    ("data's purl", |bom| remove(dataset(bom), "", "purl")),
    ("data's hashes", |bom| remove(dataset(bom), "", "hashes")),
    ("data's licence", |bom| remove(dataset(bom), "", "licenses")),
    ("sensitivity", |bom| {
        remove(dataset(bom), "/data/0", "sensitiveData");
    }),
    ("data of persons", |bom| {
        if let Some(data) = dataset(bom).pointer_mut("/data/0") {
            data["sensitiveData"] = json!(["Personal: names"]);
        }
    }),
    ("owners", |bom| {
        remove(dataset(bom), "/data/0", "governance")
    }),
    ("energy", |bom| {
        let energy = json!({"energyConsumptions": [{"activity": "training",
            "activityEnergyCost": {"value": 0.001, "unit": "kWh"}, "energyProviders": []}]});
        let card = model(bom).pointer_mut("/modelCard/considerations");
        if let Some(card) = card {
            card["environmentalConsiderations"] = energy;
        }
    }),
];

fn remove(value: &mut Value, place: &str, member: &str) {
    if let Some(Value::Object(members)) = value.pointer_mut(place) {
        members.remove(member);
    }
}

fn model(bom: &mut Value) -> &mut Value {
    &mut bom["components"][0]
}

fn component<'a>(bom: &'a mut Value, reference: &str) -> &'a mut Value {
    let all = bom["components"].as_array_mut().unwrap();
    let found = all.iter_mut().find(|one| one["bom-ref"] == reference);
    found.unwrap()
}

fn dataset(bom: &mut Value) -> &mut Value {
    component(bom, "dataset")
}

fn of_model(bom: &mut Value, member: &str) {
    remove(bom, "/metadata/component", member);
    remove(bom, "/components/0", member);
}

fn consideration(bom: &mut Value, member: &str) {
    remove(model(bom), "/modelCard/considerations", member);
}

/// Whatever is taken away, alone and with each other thing, both name the same rules with the same severity.
fn agree(dir: &Path, bom: &Value) {
    let mut named: Vec<(String, Value)> = Vec::new();
    for (index, (one, change)) in CHANGES.iter().enumerate() {
        let mut changed = bom.clone();
        change(&mut changed);
        for (other, second) in &CHANGES[index + 1..] {
            let mut both = changed.clone();
            second(&mut both);
            named.push((format!("{one} and {other}"), both));
        }
        named.push(((*one).to_owned(), changed));
    }
    let empty =
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []});
    named.push(("everything".to_owned(), empty));
    let folder = dir.join("changed");
    fs::create_dir_all(&folder).unwrap();
    let files: Vec<PathBuf> = (0..named.len())
        .map(|index| folder.join(format!("{index}.json")))
        .collect();
    for (file, (_, changed)) in files.iter().zip(&named) {
        fs::write(file, serde_json::to_vec(changed).unwrap()).unwrap();
    }
    let found = sbom_tools(&files);
    let whole = fired(bom);
    let mut silent = Vec::new();
    for ((name, changed), theirs) in named.iter().zip(found) {
        let ours = fired(changed);
        assert_eq!(ours, theirs, "without {name}");
        if ours == whole {
            silent.push(name.clone());
        }
    }
    // What neither asks for, or finds elsewhere; whatever else goes missing, both notice. A data set without `data` is
    // none to either of them.
    silent.retain(|name| !name.contains(" and "));
    assert_eq!(
        silent,
        ["subject", "description", "risks", "model's type", "data"]
    );
}

/// The rules of sbom-tools' sets that we say something about.
fn fired(bom: &Value) -> Fired {
    let all = score(bom).into_iter();
    all.filter(|one| one.rules != RuleSet::Form && one.fires())
        .map(|one| {
            let severity = serde_json::to_value(one.severity).unwrap();
            (one.rule.to_owned(), severity.as_str().unwrap().to_owned())
        })
        .collect()
}
