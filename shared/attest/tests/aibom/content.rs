//! Measurements, parameters, signature.

use assay_attest::{
    Digest, Role, SigningKey,
    aibom::{
        BomError, EnergyFacts, Facts, Measured, ResumedFrom, build, claims, parameters, sign,
        verify,
    },
    json::{Limits, parse_canonical},
};
use serde_json::{Value, json};

use crate::{facts, leaves, reference};

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
