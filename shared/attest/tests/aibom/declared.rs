//! Claims with their evidence, and who each fact is from.

use std::collections::{BTreeMap, BTreeSet};

use assay_attest::{
    Digest,
    aibom::{BomError, Facts, build},
};
use serde_json::json;

use crate::{
    bom_refs, facts,
    sample::{Job, Keys},
};

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
