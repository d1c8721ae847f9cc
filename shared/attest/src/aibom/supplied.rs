//! An SBOM that the submitter hands in with a job: CycloneDX in JSON, 1.2 to 1.7. Its components stand nested in the
//! AIBoM, as the submitter's word.
//!
//! Taken over is what names a thing and tells it from others: type, group, name, version, package URL, digests,
//! licences. These mean the same in all versions; whatever else such a document says stays in the file, which is an
//! artifact of the job. References are made anew, so that they cannot be taken for ours.

use serde_json::{Map, Value, json};

use super::{
    BomError, Facts,
    component::{file_name, find, hashes, located},
    licence,
    locator::is_purl,
};
use crate::{
    Role,
    json::{JsonError, Limits, parse},
};

/// The `bom-ref` of the component that holds them.
pub(super) const REFERENCE: &str = "supplied-sbom";
/// What an SBOM may cost.
const LIMITS: Limits = Limits {
    max_bytes: MAX_SBOM_BYTES,
    max_depth: 32,
    max_values: 200_000,
};
/// Bytes of an SBOM at most.
pub const MAX_SBOM_BYTES: usize = 4 << 20;
/// Components of an SBOM at most.
const MAX_COMPONENTS: usize = 10_000;
/// Characters of a name or a version at most; CycloneDX has 1,024 for versions.
const MAX_CHARS: usize = 1024;
/// Types of components that CycloneDX 1.6 knows.
const TYPES: [&str; 13] = [
    "application",
    "framework",
    "library",
    "container",
    "platform",
    "operating-system",
    "device",
    "device-driver",
    "firmware",
    "file",
    "machine-learning-model",
    "data",
    "cryptographic-asset",
];
/// Hexadecimal digits of the digests that are taken over.
const DIGESTS: [(&str, usize); 8] = [
    ("SHA-1", 40),
    ("SHA-256", 64),
    ("SHA-384", 96),
    ("SHA-512", 128),
    ("SHA3-256", 64),
    ("SHA3-384", 96),
    ("SHA3-512", 128),
    ("MD5", 32),
];

/// Why a file is no SBOM that can be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SbomError {
    /// Not JSON, or too much of it.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Not CycloneDX, or a version that is not read.
    #[error("it is no CycloneDX document of version 1.2 to 1.7 in JSON: {0}")]
    Format(&'static str),
    /// A component that cannot be taken over.
    #[error("component {0}: {1}")]
    Component(usize, &'static str),
}

/// An SBOM that was read.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SuppliedSbom {
    /// Its `specVersion`.
    pub spec_version: String,
    /// Its serial number, if it has one.
    pub serial_number: Option<String>,
    /// Its components, nested ones after those that hold them, as they are to stand in the AIBoM.
    pub components: Vec<Value>,
}

/// Reads an SBOM that the submitter handed in.
///
/// # Errors
/// [`SbomError`].
pub fn read_sbom(bytes: &[u8]) -> Result<SuppliedSbom, SbomError> {
    let document = parse(bytes, &LIMITS)?;
    if text(&document, "bomFormat") != Some("CycloneDX") {
        return Err(SbomError::Format("bomFormat is not CycloneDX"));
    }
    let version = text(&document, "specVersion").unwrap_or_default();
    if !["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"].contains(&version) {
        return Err(SbomError::Format("specVersion is none of these"));
    }
    let mut components = Vec::new();
    if let Some(subject) = document.pointer("/metadata/component") {
        take(subject, &mut components)?;
    }
    take_all(&document, &mut components)?;
    Ok(SuppliedSbom {
        spec_version: version.to_owned(),
        serial_number: text(&document, "serialNumber").map(shortened),
        components,
    })
}

fn take_all(holder: &Value, into: &mut Vec<Value>) -> Result<(), SbomError> {
    let nested = match holder.get("components") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(nested)) => nested,
        Some(_) => return Err(SbomError::Component(into.len(), "components is no list")),
    };
    nested.iter().try_for_each(|one| take(one, into))
}

/// Takes a component and, after it, those in it. The parser has limited their depth.
fn take(component: &Value, into: &mut Vec<Value>) -> Result<(), SbomError> {
    let number = into.len();
    if number >= MAX_COMPONENTS {
        return Err(SbomError::Component(number, "there are more than 10000"));
    }
    let name = text(component, "name")
        .filter(|name| !name.is_empty())
        .ok_or(SbomError::Component(number, "it has no name"))?;
    let kind = text(component, "type")
        .filter(|kind| TYPES.contains(kind))
        .ok_or(SbomError::Component(number, "its type is unknown"))?;
    let mut taken = Map::new();
    taken.insert("type".into(), kind.into());
    taken.insert("bom-ref".into(), format!("{REFERENCE}/{number}").into());
    taken.insert("name".into(), shortened(name).into());
    for member in ["group", "version"] {
        if let Some(value) = text(component, member).filter(|value| !value.is_empty()) {
            taken.insert(member.into(), shortened(value).into());
        }
    }
    if let Some(purl) = text(component, "purl").filter(|purl| is_purl(purl)) {
        taken.insert("purl".into(), purl.into());
    }
    let digests: Vec<Value> = list(component, "hashes").filter_map(digest).collect();
    if !digests.is_empty() {
        taken.insert("hashes".into(), digests.into());
    }
    if let Some(licences) = licences(component) {
        taken.insert("licenses".into(), licences);
    }
    into.push(taken.into());
    take_all(component, into)
}

fn digest(hash: &Value) -> Option<Value> {
    let (alg, content) = (text(hash, "alg")?, text(hash, "content")?);
    let (_, length) = DIGESTS.iter().find(|(name, _)| *name == alg)?;
    let is_hex = content.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && content.len() == *length).then(|| json!({"alg": alg, "content": content}))
}

/// Its licences; where there is an expression, that alone, as the schema has it.
fn licences(component: &Value) -> Option<Value> {
    let all = || list(component, "licenses");
    let expression = all().find_map(|one| text(one, "expression"));
    if let Some(expression) = expression {
        return Some(licence::choice(expression));
    }
    let named = all().filter_map(|one| {
        let licence = one.get("license")?;
        text(licence, "id").or_else(|| text(licence, "name"))
    });
    let choices: Vec<Value> = named.filter_map(licence::single_choice).collect();
    (!choices.is_empty()).then(|| choices.into())
}

/// The component that stands for the SBOM, with its components in it; `None` where none was handed in.
pub(super) fn component(facts: &Facts) -> Result<Option<Value>, BomError> {
    let Some(sbom) = &facts.sbom else {
        return Ok(None);
    };
    let artifact = find(facts, Role::Sbom, "")?;
    let properties = located(artifact)
        .with("claimed-by-submitter", "components")
        .with("spec-version", &sbom.spec_version)
        .with_some("serial-number", sbom.serial_number.as_deref());
    Ok(Some(json!({
        "type": "file",
        "bom-ref": REFERENCE,
        "mime-type": "application/vnd.cyclonedx+json",
        "name": file_name(artifact),
        "description": "An SBOM that the submitter handed in, and the components that it names",
        "hashes": hashes(artifact),
        "components": sbom.components,
        "properties": properties.into_value(),
    })))
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value
        .get(member)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sbom(components: Value) -> Vec<u8> {
        let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"component": {"type": "application", "name": "app", "bom-ref": "subject"}},
            "components": components});
        serde_json::to_vec(&document).unwrap()
    }

    #[test]
    fn what_names_a_thing_is_taken_over_and_nothing_else() {
        let nested = json!({"type": "library", "name": "inner", "purl": "pkg:cargo/inner@1"});
        let read = read_sbom(&sbom(json!([{
            "type": "library", "bom-ref": "subject", "name": "outer", "version": "2", "purl": "not a purl",
            "hashes": [{"alg": "SHA-256", "content": "zz"}, {"alg": "SHA-1", "content": "0a".repeat(20)}],
            "licenses": [{"license": {"id": "mit"}}, {"license": {"name": "ours"}}],
            "properties": [{"name": "assay:path", "value": "job/outputs/model.json"}],
            "data": [{"type": "dataset"}], "signature": {}, "components": [nested],
        }])))
        .unwrap();
        assert_eq!(read.spec_version, "1.5");
        let names = read.components.iter().map(|one| one["name"].as_str());
        assert_eq!(
            names.collect::<Option<Vec<_>>>().unwrap(),
            ["app", "outer", "inner"]
        );
        let outer = json!({
            "type": "library", "bom-ref": "supplied-sbom/1", "name": "outer", "version": "2",
            "hashes": [{"alg": "SHA-1", "content": "0a".repeat(20)}],
            "licenses": [{"license": {"id": "MIT", "acknowledgement": "declared"}},
                         {"license": {"name": "ours", "acknowledgement": "declared"}}],
        });
        assert_eq!(read.components[1], outer);
        assert_eq!(read.components[2]["purl"], "pkg:cargo/inner@1");
    }

    #[test]
    fn what_is_no_sbom_is_refused() {
        for bad in [
            &b"{"[..],
            b"[]",
            br#"{"bomFormat":"SPDX","specVersion":"1.5"}"#,
            br#"{"bomFormat":"CycloneDX","specVersion":"9"}"#,
            br#"{"bomFormat":"CycloneDX","specVersion":"1.5","specVersion":"1.6"}"#,
            br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":{}}"#,
            br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library"}]}"#,
            br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"x","name":"y"}]}"#,
        ] {
            assert!(read_sbom(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let many = json!({"type": "library", "name": "a"});
        let many = sbom(Value::Array(vec![many; MAX_COMPONENTS + 1]));
        assert!(matches!(read_sbom(&many), Err(SbomError::Component(..))));
        let mut deep = json!({"type": "library", "name": "a"});
        for _ in 0..40 {
            deep = json!({"type": "library", "name": "a", "components": [deep]});
        }
        assert!(matches!(
            read_sbom(&sbom(json!([deep]))),
            Err(SbomError::Json(_))
        ));
    }
}
