use serde_json::{Value, json};

use super::{
    ArtifactFacts, BomError, Facts, Measured,
    dataset::dataset,
    locator::purl,
    model::{input_model, trained_model},
    property::Properties,
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
        "application/yaml",
        "Data set definition",
    )?);
    components.push(file(
        facts,
        Role::Parameters,
        "parameters",
        "application/json",
        "Training parameters and request",
    )?);
    components.extend([trainer(facts), candle(facts), environment(facts)]);
    Ok(components)
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

/// A file that says how to train. It is none of type `data`: what that is for, licences and owners of data, it has not.
fn file(
    facts: &Facts,
    role: Role,
    reference: &str,
    media_type: &str,
    description: &str,
) -> Result<Value, BomError> {
    let artifact = find(facts, role, "")?;
    Ok(json!({
        "type": "file",
        "bom-ref": reference,
        "mime-type": media_type,
        "name": file_name(artifact),
        "description": description,
        "hashes": hashes(artifact),
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

pub(super) fn find<'a>(
    facts: &'a Facts,
    role: Role,
    name: &str,
) -> Result<&'a ArtifactFacts, BomError> {
    let wanted =
        |one: &&ArtifactFacts| one.role == role && (name.is_empty() || file_name(one) == name);
    facts
        .artifacts
        .iter()
        .find(wanted)
        .ok_or_else(|| BomError::Facts(format!("the artifact {role:?} {name} is missing")))
}

pub(super) fn file_name(artifact: &ArtifactFacts) -> &str {
    artifact.path.rsplit('/').next().unwrap_or(&artifact.path)
}

pub(super) fn hashes(artifact: &ArtifactFacts) -> Value {
    json!([{"alg": "SHA-256", "content": artifact.sha256}])
}

/// Where the artifact lies in a bundle: what ties the component to the links.
pub(super) fn located(artifact: &ArtifactFacts) -> Properties {
    Properties::new()
        .with("path", &artifact.path)
        .with("bytes", artifact.bytes.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_has_a_component() {
        let [model, ..] = OUTPUT_NAMES;
        let mut named = vec![model];
        named.extend(DESCRIPTIONS.map(|(name, _)| name));
        assert_eq!(named, OUTPUT_NAMES);
    }
}
