//! The trained model, and the one that it was trained from.

use serde_json::{Map, Value, json};

use super::{
    BomError, Facts,
    build::attestations,
    card::{MODEL_CARD, model_card},
    component::{find, hashes, located, output_ref},
    licence,
    locator::{is_url, purl_of_bytes},
    property::Properties,
    request::{claim, lines},
};
use crate::{OUTPUT_NAMES, Role};

/// CycloneDX has versions of up to 1,024 characters; a longer one is still among the claims.
const MAX_VERSION: usize = 1024;

/// A version that the submitter gave, if CycloneDX has room for it.
pub(super) fn version<'a>(facts: &'a Facts, field: &str) -> Option<&'a str> {
    claim(&facts.request, field).filter(|text| text.chars().count() <= MAX_VERSION)
}

/// What the submitter's words make of the model: name, version, description, authors, makers, licences; and its purl.
pub(super) fn describe(facts: &Facts, reference: &str) -> Result<Map<String, Value>, BomError> {
    let [file, ..] = OUTPUT_NAMES;
    let artifact = find(facts, Role::Output, file)?;
    let given = |field| claim(&facts.request, field);
    let name = given("model_name").unwrap_or(&facts.model.name);
    let version = version(facts, "model_version");
    let organisation = |name: &str| json!({"name": name});
    let mut component = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        value.map(|value| component.insert(key.to_owned(), value))
    };
    set("type", Some("machine-learning-model".into()));
    set("bom-ref", Some(reference.into()));
    set("name", Some(name.into()));
    set("version", version.map(Value::from));
    set("description", given("model_description").map(Value::from));
    set(
        "authors",
        given("author").map(|name| json!([{"name": name}])),
    );
    set("manufacturer", given("manufacturer").map(organisation));
    set("supplier", given("supplier").map(organisation));
    set("licenses", given("license_name").map(licence::choice));
    set(
        "purl",
        Some(purl_of_bytes(name, version, artifact.sha256).into()),
    );
    Ok(component)
}

/// The component of the trained model, with its card.
pub(super) fn trained_model(facts: &Facts) -> Result<Value, BomError> {
    let [name, ..] = OUTPUT_NAMES;
    let artifact = find(facts, Role::Output, name)?;
    let mut component = describe(facts, &output_ref(name))?;
    component.insert("hashes".into(), hashes(artifact));
    component.insert("modelCard".into(), model_card(facts));
    component.insert("pedigree".into(), pedigree(facts)?);
    component.insert("externalReferences".into(), references(facts));
    let claimed: Vec<&str> = [
        "model_name",
        "model_version",
        "model_description",
        "author",
        "manufacturer",
        "supplier",
        "license_name",
        "model_card_url",
    ]
    .into_iter()
    .filter(|field| claim(&facts.request, field).is_some())
    .collect();
    let properties = located(artifact)
        .with("format", "Keras 3 archive")
        .with_some(
            "claimed-by-submitter",
            (!claimed.is_empty()).then(|| claimed.join(", ")),
        )
        .with_some("model-type", claim(&facts.request, "model_type"));
    component.insert("properties".into(), properties.into_value());
    Ok(Value::Object(component))
}

/// Links, signature, and the card: the submitter's own where there is one, else the one in this document (BOM-Link).
fn references(facts: &Facts) -> Value {
    let own = claim(&facts.request, "model_card_url").filter(|text| is_url(text));
    let url = own.map_or_else(
        || format!("urn:cdx:{}/1#{MODEL_CARD}", facts.serial_number),
        str::to_owned,
    );
    let comment = if own.is_some() {
        "The submitter's own model card"
    } else {
        "The model card in this document"
    };
    let mut all = attestations(facts);
    if let Some(list) = all.as_array_mut() {
        list.push(json!({"type": "model-card", "url": url, "comment": comment}));
    }
    all
}

/// The model it was trained from, and what the submitter says that one was made from.
fn pedigree(facts: &Facts) -> Result<Value, BomError> {
    let mut ancestors = vec![json!({
        "type": "machine-learning-model",
        "name": facts.model.name,
        "description": "The model as handed in; its file is the component input-model",
        "hashes": hashes(find(facts, Role::Model, "")?),
    })];
    let source = claim(&facts.request, "base_model_source");
    if let Some(base) = claim(&facts.request, "base_model").or(source) {
        let mut ancestor = json!({"type": "machine-learning-model", "name": base});
        let properties =
            Properties::new().with("claimed-by-submitter", "base_model, base_model_source");
        if let Some(members) = ancestor.as_object_mut() {
            members.insert(
                "properties".into(),
                properties
                    .with_some("base-model-source", source)
                    .into_value(),
            );
            if let Some(url) = source.filter(|text| is_url(text)) {
                members.insert(
                    "externalReferences".into(),
                    json!([{"type": "distribution", "url": url}]),
                );
            }
        }
        ancestors.push(ancestor);
    }
    Ok(json!({"ancestors": ancestors}))
}

/// The file of the model as handed in. As a model it stands in the pedigree: nobody said what licence or limits it has,
/// and it is not what the document describes.
pub(super) fn input_model(facts: &Facts) -> Result<Value, BomError> {
    let artifact = find(facts, Role::Model, "")?;
    let properties = located(artifact)
        .with("format", "Keras 3 archive")
        .with_some("keras-version", facts.model.keras_version.as_deref());
    Ok(json!({
        "type": "file",
        "bom-ref": "input-model",
        "name": facts.model.name,
        "description": "The model as handed in",
        "hashes": hashes(artifact),
        "properties": properties.into_value(),
    }))
}

/// Organisations or people, one a line, as CycloneDX' responsible parties.
pub(super) fn parties(facts: &Facts, field: &str) -> Vec<Value> {
    lines(&facts.request, field)
        .map(|name| json!({"organization": {"name": name}}))
        .collect()
}
