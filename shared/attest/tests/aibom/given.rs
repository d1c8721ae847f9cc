//! What the submitter gives, and does not give.

use std::collections::BTreeSet;

use assay_attest::{
    Digest, Role, SigningKey,
    aibom::{ArtifactFacts, BomError, build, read_sbom, sign, verify},
};
use serde_json::json;

use crate::{bom_refs, component, facts, reference};

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
