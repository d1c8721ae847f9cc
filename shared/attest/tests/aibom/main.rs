//! What stands in an AIBoM, and what does not.

#![expect(dead_code, reason = "the sample serves whole bundles too")]
#![expect(clippy::unwrap_used, reason = "a test may fail so")]

#[path = "../../examples/bundle/sample.rs"]
mod sample;

mod content;
mod declared;
mod given;
mod hostile;
mod scored;

use std::collections::BTreeSet;

use assay_attest::aibom::Facts;
use sample::{Job, Keys};
use serde_json::Value;

pub(crate) fn facts() -> Facts {
    Job::sample(&Keys::generate()).facts
}

pub(crate) fn leaves<'a>(value: &'a Value, into: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, into)),
        Value::Object(members) => members.values().for_each(|member| leaves(member, into)),
        leaf => into.push(leaf),
    }
}

pub(crate) fn reference<'a>(component: &'a Value, kind: &str) -> &'a Value {
    let all = component["externalReferences"].as_array().unwrap();
    all.iter().find(|one| one["type"] == kind).unwrap()
}

pub(crate) fn component<'a>(document: &'a Value, reference: &str) -> &'a Value {
    let all = document["components"].as_array().unwrap();
    all.iter().find(|one| one["bom-ref"] == reference).unwrap()
}

/// Every `bom-ref`, each once.
pub(crate) fn bom_refs(value: &Value, into: &mut BTreeSet<String>) {
    if let Some(reference) = value.get("bom-ref").and_then(Value::as_str) {
        assert!(into.insert(reference.to_owned()), "{reference} twice");
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| bom_refs(item, into)),
        Value::Object(members) => members.values().for_each(|member| bom_refs(member, into)),
        _ => {}
    }
}
