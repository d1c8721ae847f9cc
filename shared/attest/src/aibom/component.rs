use serde_json::{Map, Value, json};

use super::{
    ArtifactFacts, BomError, Facts, Measured,
    build::attestations,
    card::model_card,
    licence,
    property::{Properties, shape, text},
    request::claim,
};
use crate::{OUTPUT_NAMES, Role};

/// What the outputs beside the trained model are.
const DESCRIPTIONS: [(&str, &str); OUTPUT_NAMES.len() - 1] = [
    ("metrics.json", "History of the metrics per epoch"),
    ("logs.txt", "What the training printed"),
    ("model.safetensors", "The trained weights"),
    ("model.json", "The architecture that the weights belong to"),
    (
        "preprocessing.json",
        "Every step from a raw row to the model's input, with fitted statistics",
    ),
];

/// The `bom-ref` of an output.
pub(super) fn output_ref(name: &str) -> String {
    format!("output/{name}")
}

/// Every component, outputs first.
pub(super) fn all(facts: &Facts) -> Result<Vec<Value>, BomError> {
    let mut components = vec![trained_model(facts)?];
    for (name, description) in DESCRIPTIONS {
        components.push(output(facts, name, description)?);
    }
    components.extend([input_model(facts)?, dataset(facts)?]);
    components.push(file(
        facts,
        Role::DatasetDefinition,
        "definition",
        "definition",
        "Data set definition",
    )?);
    components.push(file(
        facts,
        Role::Parameters,
        "parameters",
        "configuration",
        "Training parameters and request",
    )?);
    components.extend([trainer(facts), candle(facts), environment(facts)]);
    Ok(components)
}

/// What the submitter's words make of the model: name, version, description, authors, licences, purl.
pub(super) fn describe(facts: &Facts, reference: &str) -> Map<String, Value> {
    let given = |field| claim(&facts.request, field);
    let name = given("model_name").unwrap_or(&facts.model.name);
    // CycloneDX has versions of up to 1,024 characters; a longer one is still among the claims.
    let version = given("model_version").filter(|text| text.chars().count() <= 1024);
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
    set("licenses", given("license_name").map(licence::choice));
    set("purl", Some(purl("generic", name, version).into()));
    component
}

fn trained_model(facts: &Facts) -> Result<Value, BomError> {
    let [name, ..] = OUTPUT_NAMES;
    let artifact = find(facts, Role::Output, name)?;
    let mut component = describe(facts, &output_ref(name));
    component.insert("hashes".into(), hashes(artifact));
    component.insert("modelCard".into(), model_card(facts));
    component.insert("pedigree".into(), pedigree(facts));
    component.insert("externalReferences".into(), attestations(facts));
    let claimed: Vec<&str> = [
        "model_name",
        "model_version",
        "model_description",
        "author",
        "license_name",
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

/// The model it was trained from, and what the submitter says that one was made from.
fn pedigree(facts: &Facts) -> Value {
    let mut ancestors = vec![json!({
        "type": "machine-learning-model",
        "name": facts.model.name,
        "description": "The model as handed in; the component input-model",
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
    json!({"ancestors": ancestors})
}

/// Only what is a URL by RFC 3986 for certain may stand where the schema wants one.
fn is_url(text: &str) -> bool {
    let after = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    after.is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte))
    })
}

fn output(facts: &Facts, name: &str, description: &str) -> Result<Value, BomError> {
    let artifact = find(facts, Role::Output, name)?;
    Ok(json!({
        "type": "file",
        "bom-ref": output_ref(name),
        "name": name,
        "description": description,
        "hashes": hashes(artifact),
        "properties": located(artifact).into_value(),
    }))
}

fn input_model(facts: &Facts) -> Result<Value, BomError> {
    let artifact = find(facts, Role::Model, "")?;
    let properties =
        located(artifact).with_some("keras-version", facts.model.keras_version.as_deref());
    Ok(json!({
        "type": "machine-learning-model",
        "bom-ref": "input-model",
        "name": facts.model.name,
        "description": "The model as handed in",
        "hashes": hashes(artifact),
        "properties": properties.into_value(),
    }))
}

fn dataset(facts: &Facts) -> Result<Value, BomError> {
    let artifact = find(facts, Role::Dataset, "")?;
    let data = &facts.data;
    let listed = |names: &[String]| (!names.is_empty()).then(|| text(&json!(names)));
    let contents = Properties::new()
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
    Ok(json!({
        "type": "data",
        "bom-ref": "dataset",
        "name": file_name(artifact),
        "hashes": hashes(artifact),
        "data": [{"type": "dataset", "contents": {"properties": contents.into_value()}}],
        "properties": located(artifact).into_value(),
    }))
}

fn file(
    facts: &Facts,
    role: Role,
    reference: &str,
    kind: &str,
    description: &str,
) -> Result<Value, BomError> {
    let artifact = find(facts, role, "")?;
    Ok(json!({
        "type": "data",
        "bom-ref": reference,
        "name": file_name(artifact),
        "description": description,
        "hashes": hashes(artifact),
        "data": [{"type": kind}],
        "properties": located(artifact).into_value(),
    }))
}

fn trainer(facts: &Facts) -> Value {
    let trainer = &facts.trainer;
    let properties = Properties::new()
        .with("arithmetic", &trainer.arithmetic)
        .with("threads", trainer.threads.to_string())
        .with_measured("program-sha256", &trainer.sha256);
    let mut component = json!({
        "type": "application",
        "bom-ref": "trainer",
        "name": trainer.name,
        "version": trainer.version,
        "description": "The program that trained the model",
        "properties": properties.into_value(),
    });
    if let (Measured::Value(sha256), Some(members)) = (&trainer.sha256, component.as_object_mut()) {
        members.insert(
            "hashes".into(),
            json!([{"alg": "SHA-256", "content": sha256}]),
        );
    }
    component
}

fn candle(facts: &Facts) -> Value {
    json!({
        "type": "library",
        "bom-ref": "candle",
        "name": "candle-core",
        "version": facts.trainer.candle,
        "purl": purl("cargo", "candle-core", Some(&facts.trainer.candle)),
    })
}

fn environment(facts: &Facts) -> Value {
    let mut properties = Properties::new();
    for fact in &facts.environment {
        properties = properties.with_measured(&format!("environment:{}", fact.name), &fact.value);
    }
    for fact in &facts.isolation {
        let state = if fact.held { "held" } else { "not held" };
        let value = fact
            .detail
            .as_ref()
            .map_or_else(|| state.to_owned(), |detail| format!("{state}: {detail}"));
        properties = properties.with(&format!("isolation:{}", fact.mechanism), value);
    }
    json!({
        "type": "platform",
        "bom-ref": "environment",
        "name": "Training environment",
        "properties": properties.into_value(),
    })
}

fn find<'a>(facts: &'a Facts, role: Role, name: &str) -> Result<&'a ArtifactFacts, BomError> {
    let wanted =
        |one: &&ArtifactFacts| one.role == role && (name.is_empty() || file_name(one) == name);
    facts
        .artifacts
        .iter()
        .find(wanted)
        .ok_or_else(|| BomError::Facts(format!("the artifact {role:?} {name} is missing")))
}

fn file_name(artifact: &ArtifactFacts) -> &str {
    artifact.path.rsplit('/').next().unwrap_or(&artifact.path)
}

fn hashes(artifact: &ArtifactFacts) -> Value {
    json!([{"alg": "SHA-256", "content": artifact.sha256}])
}

/// Where the artifact lies in a bundle: what ties the component to the links.
fn located(artifact: &ArtifactFacts) -> Properties {
    Properties::new()
        .with("path", &artifact.path)
        .with("bytes", artifact.bytes.to_string())
}

/// A package URL (ECMA-427).
fn purl(kind: &str, name: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!("@{}", percent_encoded(version)));
    format!(
        "pkg:{kind}/{}{}",
        percent_encoded(name),
        version.unwrap_or_default()
    )
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purls_are_percent_encoded() {
        assert_eq!(
            purl("generic", "Wein/Modell é", Some("1 0@b")),
            "pkg:generic/Wein%2FModell%20%C3%A9@1%200%40b"
        );
        assert_eq!(purl("cargo", "candle-core", None), "pkg:cargo/candle-core");
    }

    #[test]
    fn every_output_has_a_component() {
        let [model, ..] = OUTPUT_NAMES;
        let mut named = vec![model];
        named.extend(DESCRIPTIONS.map(|(name, _)| name));
        assert_eq!(named, OUTPUT_NAMES);
    }

    #[test]
    fn only_certain_urls_are_urls() {
        assert!(is_url("https://example.org/a_b/c-1.0~x"));
        for text in [
            "https://",
            "example.org",
            "javascript:x",
            "https://a b",
            "https://é.org",
            "https://[x",
        ] {
            assert!(!is_url(text), "{text}");
        }
    }
}
