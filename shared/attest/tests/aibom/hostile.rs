//! Bytes and words of strangers.

use assay_attest::{
    SigningKey,
    aibom::{build, claims, read_sbom, score, sign, verify},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::facts;

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
            prop::collection::hash_map(names, inner, 0..4).prop_map(Value::from_iter),
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
