//! What the AIBoM says.

use super::*;

#[test]
fn an_aibom_that_says_something_else_than_the_link_is_refused() {
    assert_eq!(
        after(|job| job.facts.artifacts[0].sha256 = Digest::of(b"x")),
        ["aibom-artifacts"]
    );
    assert_eq!(
        after(|job| job.facts.request["parameters"]["batch_size"] = 500.into()),
        ["aibom-parameters"]
    );
    assert_eq!(
        after(|job| job.facts.request["metadata"]["author"] = Value::Null),
        ["aibom-parameters"]
    );
}

#[test]
fn edited_aiboms_are_refused_even_when_canonical() {
    let (keys, files) = good();
    let trust = keys.trust().unwrap();
    let bom: Value = serde_json::from_slice(&files["aibom.json"]).unwrap();
    for edit in [
        ("/metadata/timestamp", "2020-01-01T00:00:00Z"),
        ("/metadata/tools", "[]"),
        ("/annotations", "Certified"),
        (
            "/components/0/modelCard/quantitativeAnalysis/performanceMetrics/0/value",
            "0.999",
        ),
        ("/signature/excludes", "metadata"),
    ] {
        let mut edited = bom.clone();
        match edited.pointer_mut(edit.0) {
            Some(place) => *place = edit.1.into(),
            None => {
                let (parent, key) = edit.0.rsplit_once('/').unwrap();
                edited.pointer_mut(parent).unwrap()[key] = edit.1.into();
            }
        }
        let mut changed = files.clone();
        changed.insert("aibom.json".into(), jcs(&edited));
        let failed = failed(&verify(&changed, &trust));
        assert_eq!(
            failed,
            ["aibom-detached-signature", "aibom-signature"],
            "{}",
            edit.0
        );
    }
}
