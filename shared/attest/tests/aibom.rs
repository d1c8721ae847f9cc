//! What stands in an AIBoM, and what does not.

#![expect(dead_code, reason = "the sample serves whole bundles too")]

#[path = "../examples/bundle/sample.rs"]
mod sample;

use std::collections::{BTreeMap, BTreeSet};

use assay_attest::{
    Digest, Role, SigningKey,
    aibom::{
        ArtifactFacts, BomError, EnergyFacts, Facts, Measured, ResumedFrom, build, claims,
        parameters, read_sbom, score, sign, verify,
    },
    json::{Limits, parse_canonical},
};
use proptest::prelude::*;
use sample::{Job, Keys};
use serde_json::{Value, json};

fn facts() -> Facts {
    Job::sample(&Keys::generate()).facts
}

fn leaves<'a>(value: &'a Value, into: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, into)),
        Value::Object(members) => members.values().for_each(|member| leaves(member, into)),
        leaf => into.push(leaf),
    }
}

#[test]
fn no_metadata_field_is_dropped() {
    let facts = facts();
    let document = build(&facts).unwrap();
    let mut all = Vec::new();
    leaves(&document, &mut all);
    let claims = claims(&facts.request);
    assert_eq!(claims.len(), 25);
    for (field, text) in &claims {
        assert!(
            all.iter().any(|leaf| leaf.as_str() == Some(text)),
            "{field}"
        );
    }
    let model = &document["components"][0];
    assert_eq!(
        model["modelCard"]["considerations"]["useCases"],
        json!(["Demonstration"])
    );
    assert_eq!(
        model["modelCard"]["considerations"]["technicalLimitations"],
        json!(["178 samples only", "One decade", "Other wines"])
    );
    assert_eq!(
        model["modelCard"]["considerations"]["ethicalConsiderations"][0]["name"],
        "Mislabelling bottles"
    );
    assert_eq!(model["licenses"][0]["license"]["id"], "Apache-2.0");
    let sha256 = &model["hashes"][0]["content"];
    assert_eq!(
        model["purl"],
        format!(
            "pkg:generic/Wine%20classifier@1.0%20beta?checksum=sha256:{}",
            sha256.as_str().unwrap()
        )
    );
    assert_eq!(model["purl"], document["metadata"]["component"]["purl"]);
    assert_eq!(model["manufacturer"]["name"], "Vintners & Sons");
    assert_eq!(model["supplier"]["name"], "Wine Models Ltd");
    assert_eq!(
        model["modelCard"]["considerations"]["users"],
        json!(["Oenologists", "Students"])
    );
    let card = reference(model, "model-card");
    assert_eq!(card["url"], "https://example.org/card?wine#1");
    assert_eq!(model["pedigree"]["ancestors"][1]["name"], "none");
}

fn reference<'a>(component: &'a Value, kind: &str) -> &'a Value {
    let all = component["externalReferences"].as_array().unwrap();
    all.iter().find(|one| one["type"] == kind).unwrap()
}

fn component<'a>(document: &'a Value, reference: &str) -> &'a Value {
    let all = document["components"].as_array().unwrap();
    all.iter().find(|one| one["bom-ref"] == reference).unwrap()
}

#[test]
fn the_data_set_has_what_was_given_and_its_digest() {
    let document = build(&facts()).unwrap();
    let data = component(&document, "dataset");
    assert_eq!(data["name"], "Wine");
    assert_eq!(data["version"], "1992");
    assert_eq!(data["licenses"][0]["expression"], "MIT OR CC-BY-4.0");
    let sha256 = data["hashes"][0]["content"].as_str().unwrap();
    let purl = format!("pkg:generic/Wine@1992?checksum=sha256:{sha256}");
    assert_eq!(data["purl"], purl);
    assert_eq!(data["data"][0]["sensitiveData"], json!(["none"]));
    let governance = &data["data"][0]["governance"];
    assert_eq!(governance["owners"][1]["organization"]["name"], "M. Forina");
    assert_eq!(
        governance["stewards"][0]["organization"]["name"],
        "An archive"
    );
    assert_eq!(
        reference(data, "distribution")["url"],
        "https://example.org/wine"
    );
    let models = document["components"].as_array().unwrap();
    let models = models
        .iter()
        .filter(|one| one["type"] == "machine-learning-model");
    assert_eq!(models.count(), 1);
}

#[test]
fn a_job_without_metadata_says_so_and_fills_nothing_in() {
    let mut facts = facts();
    for metadata in [json!({}), json!({"author": ""})] {
        facts.request = json!({"framework": "candle", "metadata": metadata, "parameters": {}});
        let document = build(&facts).unwrap();
        let subject = document["metadata"]["component"]["properties"].to_string();
        assert!(subject.contains("none: the submitter said nothing"));
        assert!(!document.to_string().contains("claimed"));
        let data = component(&document, "dataset");
        for absent in ["version", "description", "licenses", "externalReferences"] {
            assert!(data.get(absent).is_none(), "{absent}");
        }
        for absent in ["sensitiveData", "governance"] {
            assert!(data["data"][0].get(absent).is_none(), "{absent}");
        }
        let model = &document["components"][0];
        for absent in ["manufacturer", "supplier"] {
            assert!(model.get(absent).is_none(), "{absent}");
        }
        // The card that there is in any case is the one of the document.
        let card = reference(model, "model-card")["url"].as_str().unwrap();
        let serial = document["serialNumber"].as_str().unwrap();
        let serial = serial.strip_prefix("urn:uuid:").unwrap();
        assert_eq!(card, format!("urn:cdx:{serial}/1#model-card"));
        assert_eq!(model["modelCard"]["bom-ref"], "model-card");
    }
    facts.request = json!({"framework": "candle", "metadata": {"author": "A"}, "parameters": {}});
    let said = build(&facts).unwrap().to_string();
    assert!(!said.contains("the submitter said nothing"));
}

/// Every `bom-ref`, each once.
fn bom_refs(value: &Value, into: &mut BTreeSet<String>) {
    if let Some(reference) = value.get("bom-ref").and_then(Value::as_str) {
        assert!(into.insert(reference.to_owned()), "{reference} twice");
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| bom_refs(item, into)),
        Value::Object(members) => members.values().for_each(|member| bom_refs(member, into)),
        _ => {}
    }
}

#[test]
fn claims_have_evidence_and_speak_only_of_what_happened() {
    let keys = Keys::generate();
    let names = |facts: &Facts| {
        let document = build(facts).unwrap();
        let mut known = BTreeSet::new();
        bom_refs(&document, &mut known);
        let declarations = &document["declarations"];
        let claims = declarations["claims"].as_array().unwrap().clone();
        for claim in &claims {
            let evidence = claim["evidence"].as_array().unwrap();
            let against = claim["counterEvidence"].as_array();
            let named = evidence.iter().chain(against.into_iter().flatten());
            for reference in named.chain([&claim["target"]]) {
                assert!(known.contains(reference.as_str().unwrap()), "{reference}");
            }
        }
        assert_eq!(
            declarations["attestations"][0]["map"][0]["claims"]
                .as_array()
                .unwrap()
                .len(),
            claims.len()
        );
        let names = claims
            .iter()
            .map(|claim| claim["bom-ref"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let mut facts = Job::sample(&keys).facts;
    facts.model_signature = None;
    let always = ["claim/inputs", "claim/training", "claim/validation"];
    let plain = names(&facts);
    assert_eq!(plain[..3], always);
    assert_eq!(plain[3..], ["claim/isolation"]);
    facts.model_signature = Some(Digest::of(b"signature"));
    assert!(names(&facts).contains(&"claim/signature".to_owned()));
    facts.data.validation_rows = 0;
    assert!(!names(&facts).contains(&"claim/validation".to_owned()));
    let mut scanned = Job::scanned(&keys).facts;
    assert!(names(&scanned).contains(&"claim/scan".to_owned()));
    scanned.scan_link = None;
    assert!(!names(&scanned).contains(&"claim/scan".to_owned()));
    // What was found and what did not hold speaks against the claim.
    let document = build(&Job::scanned(&keys).facts).unwrap().to_string();
    assert!(document.contains("1 findings in its packages"));
    assert!(document.contains("not in force here: network-namespace"));
}

#[test]
fn version_1_7_says_who_each_fact_is_from() {
    let mut facts = facts();
    assert!(build(&facts).unwrap().get("citations").is_none());
    facts.request["aibom"] = "1.7".into();
    let document = build(&facts).unwrap();
    assert_eq!(document["specVersion"], "1.7");
    let schema = "http://cyclonedx.org/schema/bom-1.7.schema.json";
    assert_eq!(document["$schema"], schema);
    let mut known = BTreeSet::new();
    bom_refs(&document, &mut known);
    let mut by = BTreeMap::new();
    for citation in document["citations"].as_array().unwrap() {
        for member in ["attributedTo", "process"] {
            assert!(known.contains(citation[member].as_str().unwrap()));
        }
        for pointer in citation["pointers"].as_array().unwrap() {
            let pointer = pointer.as_str().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
            let who = citation["attributedTo"].as_str().unwrap().to_owned();
            assert_eq!(by.insert(pointer.to_owned(), who), None, "{pointer} twice");
        }
    }
    assert_eq!(by["/components/0/hashes"], "producer");
    assert_eq!(by["/components/0/licenses"], "submitter");
    assert_eq!(by["/components/0/modelCard/modelParameters"], "trainer");
    let claimed = document["metadata"]["component"]["properties"]
        .as_array()
        .unwrap();
    let first = claimed
        .iter()
        .position(|one| one["name"].as_str().unwrap().contains("claimed:"));
    let first = format!("/metadata/component/properties/{}", first.unwrap());
    assert_eq!(by[&first], "submitter");

    // Nobody is said to have said what they did not say.
    facts.request =
        json!({"framework": "candle", "metadata": {}, "parameters": {}, "aibom": "1.7"});
    let silent = build(&facts).unwrap();
    let cited = silent["citations"].as_array().unwrap();
    assert!(cited.iter().all(|one| one["attributedTo"] != "submitter"));
    facts.request["aibom"] = "2.0".into();
    assert!(matches!(build(&facts), Err(BomError::Facts(_))));
}

#[test]
fn an_sbom_of_the_submitter_is_nested_and_names_its_file() {
    let mut facts = facts();
    let bytes = br#"{"bomFormat":"CycloneDX","specVersion":"1.4","components":[
        {"type":"library","name":"numpy","version":"2.4.6","bom-ref":"subject"}]}"#;
    facts.sbom = Some(read_sbom(bytes).unwrap());
    // The file and what is in it come together.
    assert!(matches!(build(&facts), Err(BomError::Facts(_))));
    facts.artifacts.push(ArtifactFacts {
        role: Role::Sbom,
        path: Role::Sbom.path(&facts.unique_dir, "own.json").unwrap(),
        sha256: Digest::of(bytes),
        bytes: bytes.len() as u64,
    });
    facts.request["aibom"] = "1.7".into();
    let document = build(&facts).unwrap();
    bom_refs(&document, &mut BTreeSet::new());
    let holder = component(&document, "supplied-sbom");
    assert_eq!(holder["components"][0]["name"], "numpy");
    assert_eq!(
        holder["hashes"][0]["content"],
        Digest::of(bytes).to_string()
    );
    let cited = document["citations"][0]["pointers"].as_array().unwrap();
    let nested = cited
        .iter()
        .filter(|one| one.as_str().unwrap().ends_with("/components"));
    assert_eq!(nested.count(), 1);
    let key = SigningKey::generate();
    let bom = verify(&sign(&facts, &key).unwrap(), key.public()).unwrap();
    assert_eq!(bom.artifacts.len(), facts.artifacts.len());
    facts.sbom = None;
    assert!(matches!(build(&facts), Err(BomError::Facts(_))));
}

#[test]
fn a_score_names_what_is_missing_and_how_it_gets_there() {
    let mut facts = facts();
    let fired = |document: &Value| {
        let all = score::score(document).into_iter();
        all.filter(score::Element::fires)
            .map(|one| (one.rule, one.severity, one.state))
            .collect::<Vec<_>>()
    };
    let document = build(&facts).unwrap();
    let all = fired(&document);
    assert!(
        all.iter()
            .all(|(_, severity, _)| *severity == score::Severity::Info),
        "{all:?}"
    );
    facts.request["metadata"]["license_name"] = Value::Null;
    let all = fired(&build(&facts).unwrap());
    let (_, _, state) = all
        .iter()
        .find(|(rule, ..)| *rule == "SBOM-BSIAI-MODEL-LICENSE")
        .unwrap();
    let text = "not for Wine classifier: give license_name".to_owned();
    assert_eq!(*state, score::State::Missing(text));
    // What only looks right is found, too.
    let mut wrong = document;
    wrong["components"][0]["hashes"][0]["content"] = "zz".into();
    wrong["components"][0]["purl"] = "not a purl".into();
    wrong["components"][0]["modelCard"]["modelParameters"]["datasets"] = json!([{"ref": "gone"}]);
    let all = fired(&wrong);
    for rule in ["ASSAY-HASHES", "ASSAY-PURLS", "ASSAY-REFERENCES"] {
        assert!(all.iter().any(|(name, ..)| *name == rule), "{rule}");
    }
    let nothing = fired(&json!({"bomFormat": "CycloneDX"}));
    assert_eq!(nothing[0].0, "SBOM-BSIAI-NA");
    assert_eq!(nothing[1].0, "SBOM-AIACT-NA");
}

#[test]
fn there_are_no_fractions_and_metrics_are_exact_strings() {
    let document = build(&facts()).unwrap();
    let mut all = Vec::new();
    leaves(&document, &mut all);
    assert!(all.iter().all(|leaf| !leaf.is_f64()));
    let metrics =
        &document["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"];
    assert_eq!(
        metrics[0],
        json!({"type": "accuracy", "value": "0.9787", "slice": "training"})
    );
    assert_eq!(
        metrics[3],
        json!({"type": "loss", "value": "1e-7", "slice": "validation"})
    );
}

#[test]
fn parameters_and_seed_are_the_requests_and_absent_ones_stay_absent() {
    let facts = facts();
    let document = build(&facts).unwrap();
    let listed = &document["formulation"][0]["workflows"][0]["inputs"][4]["parameters"];
    assert!(
        listed
            .as_array()
            .unwrap()
            .contains(&json!({"name": "seed", "value": "9007199254740991"}))
    );
    assert!(
        listed
            .as_array()
            .unwrap()
            .contains(&json!({"name": "validation_split", "value": "0.2"}))
    );
    assert!(!listed.to_string().contains("steps_per_epoch"));
    assert_eq!(
        listed.as_array().unwrap().len(),
        parameters(&facts.request).len()
    );
}

#[test]
fn what_was_not_given_is_absent_and_what_was_not_measured_says_so() {
    let mut facts = facts();
    facts.request = json!({"framework": "candle", "metadata": {"author": ""}, "parameters": {}});
    facts.metrics.clear();
    facts.trainer.sha256 = Measured::Unknown {
        reason: "unreadable".into(),
    };
    let document = build(&facts).unwrap();
    let model = &document["components"][0];
    for absent in ["version", "description", "authors", "licenses"] {
        assert!(model.get(absent).is_none(), "{absent}");
    }
    assert!(model["modelCard"].get("considerations").is_none());
    assert!(model["modelCard"].get("quantitativeAnalysis").is_none());
    let text = document.to_string();
    assert!(
        text.contains("unknown: unreadable") && text.contains("unknown: no driver is installed")
    );
    assert!(text.contains("held: ABI 5") && text.contains("not held"));
}

#[test]
fn incomplete_facts_are_refused() {
    let refused = |change: &dyn Fn(&mut Facts)| {
        let mut facts = facts();
        change(&mut facts);
        assert!(matches!(build(&facts), Err(BomError::Facts(_))));
    };
    refused(&|facts| drop(facts.artifacts.pop()));
    refused(&|facts| facts.artifacts.push(facts.artifacts[0].clone()));
    refused(&|facts| facts.artifacts[0].role = Role::Dataset);
    refused(&|facts| facts.unique_dir = "other".into());
    refused(&|facts| facts.request = Value::Null);
    refused(&|facts| facts.ingest_link = facts.training_link.clone());
    refused(&|facts| facts.trainer.sha256 = Measured::Value("none".into()));
}

#[test]
fn the_file_is_canonical_and_only_its_key_verifies_it() {
    let key = SigningKey::generate();
    let facts = facts();
    let bytes = sign(&facts, &key).unwrap();
    assert!(parse_canonical(&bytes, &Limits::BOM).is_ok());
    let bom = verify(&bytes, key.public()).unwrap();
    assert_eq!(bom.job_id, facts.job_id);
    assert_eq!(bom.artifacts.len(), facts.artifacts.len());
    assert_eq!(bom.parameters, parameters(&facts.request));
    assert_eq!(bom.claims, claims(&facts.request));
    let other = SigningKey::generate();
    assert_eq!(
        verify(&bytes, other.public()),
        Err(BomError::OtherKey(other.keyid()))
    );
    let mut pretty = serde_json::to_vec_pretty(&bom.document).unwrap();
    assert!(matches!(
        verify(&pretty, key.public()),
        Err(BomError::Json(_))
    ));
    pretty.truncate(100);
    assert!(verify(&pretty, key.public()).is_err());
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let names = prop_oneof![Just("name".to_owned()), Just("type".to_owned()), ".{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names, inner, 0..4)
                .prop_map(|members| Value::from_iter(members)),
        ]
    })
}

/// The place of every value.
fn pointers(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, format!("{at}/{index}"), into);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(member, format!("{at}/{name}"), into);
            }
        }
        _ => {}
    }
    into.push(at);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&bytes, SigningKey::generate().public()).is_err());
    }

    #[test]
    fn scoring_never_panics_whatever_the_document(changes in prop::collection::vec((any::<prop::sample::Index>(), arbitrary_json()), 1..6)) {
        let mut document = build(&facts()).unwrap();
        for (index, value) in changes {
            let mut places = Vec::new();
            pointers(&document, String::new(), &mut places);
            let place = index.get(&places);
            *document.pointer_mut(place).unwrap() = value;
        }
        let all = score::score(&document);
        prop_assert!(all.iter().any(score::Element::fires));
        let _ = score::score(&document["components"]);
    }

    #[test]
    fn reading_an_sbom_never_panics_and_gives_only_what_the_schema_allows(components in arbitrary_json(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read_sbom(&bytes).is_err());
        let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": components});
        if let Ok(read) = read_sbom(&serde_json::to_vec(&document).unwrap()) {
            for one in read.components {
                prop_assert!(one["name"].as_str().is_some_and(|name| !name.is_empty()));
                prop_assert!(one.get("properties").is_none());
            }
        }
    }

    #[test]
    fn one_changed_byte_is_refused(index in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let key = SigningKey::generate();
        let mut bytes = sign(&facts(), &key).unwrap();
        let at = index.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(verify(&bytes, key.public()).is_err(), "bit {} of byte {}", bit, at);
    }

    #[test]
    fn any_words_of_the_submitter_survive(text in any::<String>()) {
        let mut facts = facts();
        for value in facts.request["metadata"].as_object_mut().unwrap().values_mut() {
            *value = text.clone().into();
        }
        let key = SigningKey::generate();
        let bom = verify(&sign(&facts, &key).unwrap(), key.public()).unwrap();
        prop_assert_eq!(bom.claims, claims(&facts.request));
    }
}

#[test]
fn energy_and_the_training_before_stand_in_it_only_when_there_are_any() {
    let mut facts = facts();
    let considerations = |facts: &Facts| {
        let document = build(facts).unwrap();
        document["components"][0]["modelCard"]["considerations"].clone()
    };
    assert!(
        considerations(&facts)
            .get("environmentalConsiderations")
            .is_none()
    );
    facts.energy = Some(EnergyFacts {
        cpu_microjoules: Some(7_200_000),
        gpu_millijoules: None,
        scope: "one package".to_owned(),
    });
    let energy = &considerations(&facts)["environmentalConsiderations"]["energyConsumptions"][0];
    assert_eq!(energy["activity"], "training");
    assert_eq!(energy["activityEnergyCost"]["value"], 0.000_002);

    facts.resumed_from = Some(ResumedFrom {
        epoch: 7,
        sha256: Digest::of(b"checkpoint"),
        attempt: 1,
        worker_keyid: "0f".repeat(32),
    });
    let document = build(&facts).unwrap();
    let workflow = document["formulation"][0]["workflows"][0]["properties"].to_string();
    assert!(
        workflow.contains("after epoch 7 of attempt 1"),
        "{workflow}"
    );

    // What is signed is read back, the fraction included.
    let key = SigningKey::generate();
    let signed = sign(&facts, &key).unwrap();
    let read = verify(&signed, key.public()).unwrap();
    drop(read);
}
