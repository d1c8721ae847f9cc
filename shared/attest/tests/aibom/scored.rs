//! Which minimum elements there are.

use assay_attest::aibom::{build, score};
use serde_json::{Value, json};

use crate::facts;

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
