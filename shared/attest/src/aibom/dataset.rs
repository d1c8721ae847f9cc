//! The data set: what was read of it, and what the submitter says of it.

use serde_json::{Map, Value, json};

use super::{
    BomError, Facts,
    component::{file_name, find, hashes, located},
    licence,
    locator::{is_url, purl_of_bytes},
    model::{parties, version},
    property::{Properties, shape, text},
    request::{claim, lines},
};
use crate::Role;

/// The component of the data set.
pub(super) fn dataset(facts: &Facts) -> Result<Value, BomError> {
    let artifact = find(facts, Role::Dataset, "")?;
    let given = |field| claim(&facts.request, field);
    let name = given("dataset_name").unwrap_or_else(|| file_name(artifact));
    let version = version(facts, "dataset_version");
    let mut component = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        value.map(|value| component.insert(key.to_owned(), value))
    };
    set("type", Some("data".into()));
    set("bom-ref", Some("dataset".into()));
    set("name", Some(name.into()));
    set("version", version.map(Value::from));
    set("description", given("dataset_description").map(Value::from));
    set("licenses", given("dataset_license").map(licence::choice));
    set(
        "purl",
        Some(purl_of_bytes(name, version, artifact.sha256).into()),
    );
    set("hashes", Some(hashes(artifact)));
    set("data", Some(json!([contents(facts)])));
    let source = given("dataset_source");
    set(
        "externalReferences",
        source
            .filter(|text| is_url(text))
            .map(|url| json!([{"type": "distribution", "url": url}])),
    );
    let properties = located(artifact)
        .with_some("source", source)
        .with_some("collection", given("dataset_collection"))
        .with_some("claimed-by-submitter", claimed(facts));
    set("properties", Some(properties.into_value()));
    Ok(Value::Object(component))
}

/// The fields that the submitter filled in.
fn claimed(facts: &Facts) -> Option<String> {
    let fields = [
        "dataset_name",
        "dataset_version",
        "dataset_description",
        "dataset_license",
        "dataset_source",
        "dataset_sensitivity",
        "dataset_owner",
        "dataset_steward",
        "dataset_collection",
    ];
    let given: Vec<&str> = fields
        .into_iter()
        .filter(|field| claim(&facts.request, field).is_some())
        .collect();
    (!given.is_empty()).then(|| given.join(", "))
}

/// CycloneDX' `componentData`: rows, shapes and preprocessing as read; sensitivity and owners as given.
fn contents(facts: &Facts) -> Value {
    let data = &facts.data;
    let listed = |names: &[String]| (!names.is_empty()).then(|| text(&json!(names)));
    let read = Properties::new()
        .with("type", &data.kind)
        .with("rows", data.rows.to_string())
        .with("training-rows", data.training_rows.to_string())
        .with("validation-rows", data.validation_rows.to_string())
        .with("input-shape", shape(&data.input_shape))
        .with_some("features", listed(&data.features))
        .with_some("label", data.label.as_deref())
        .with_some("classes", listed(&data.classes))
        .with_some(
            "preprocessing",
            (!data.preprocessing.is_null()).then(|| text(&data.preprocessing)),
        );
    let mut all = Map::from_iter([
        ("type".to_owned(), "dataset".into()),
        (
            "contents".to_owned(),
            json!({"properties": read.into_value()}),
        ),
    ]);
    let sensitive: Vec<&str> = lines(&facts.request, "dataset_sensitivity").collect();
    if !sensitive.is_empty() {
        all.insert("sensitiveData".to_owned(), json!(sensitive));
    }
    let governance: Map<_, _> = [("owners", "dataset_owner"), ("stewards", "dataset_steward")]
        .into_iter()
        .map(|(role, field)| (role.to_owned(), Value::Array(parties(facts, field))))
        .filter(|(_, parties)| parties.as_array().is_some_and(|list| !list.is_empty()))
        .collect();
    if !governance.is_empty() {
        all.insert("governance".to_owned(), governance.into());
    }
    Value::Object(all)
}
