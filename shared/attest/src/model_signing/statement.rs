use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{HashKind, Manifest, ModelSigningError, ResourcePath};
use crate::{
    Digest, Hasher,
    json::{Limits, jcs, parse},
};

/// The predicate type of model signatures, version 1.0.
pub const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// For a model of half a million files.
const LIMITS: Limits = Limits {
    max_bytes: 128 << 20,
    max_depth: 16,
    max_values: 2_500_000,
};

/// The in-toto statement, in canonical JSON (RFC 8785).
pub(super) fn write(manifest: &Manifest) -> Vec<u8> {
    jcs(&value(manifest))
}

/// The in-toto statement.
pub(super) fn value(manifest: &Manifest) -> Value {
    let algorithm = manifest.hash.name();
    let resources: Vec<Value> = manifest
        .resources
        .iter()
        .map(|(path, digest)| {
            json!({"name": path.as_str(), "algorithm": algorithm, "digest": hex::encode(digest)})
        })
        .collect();
    json!({
        "_type": STATEMENT_TYPE,
        "subject": [{"name": manifest.name, "digest": {"sha256": manifest.digest()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": algorithm,
                "allow_symlinks": manifest.allow_symlinks,
                "ignore_paths": manifest.ignore_paths,
            },
            "resources": resources,
        },
    })
}

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

// Members that version 1.0 does not know are passed over, as the standard asks.
#[derive(Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    #[serde(default)]
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

/// Reads a statement of any implementation.
pub(super) fn read(payload: &[u8]) -> Result<Manifest, ModelSigningError> {
    let wrong = ModelSigningError::Statement;
    let value = parse(payload, &LIMITS).map_err(|error| wrong(error.to_string()))?;
    // First, so that another statement is named as such, whatever else it holds.
    let predicate_type = value["predicateType"].as_str().unwrap_or_default();
    if predicate_type != PREDICATE_TYPE {
        let start: String = predicate_type.chars().take(80).collect();
        return Err(wrong(format!(
            "its predicate type is {start:?}; expected {PREDICATE_TYPE}"
        )));
    }
    let statement: Statement =
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
    let Predicate {
        serialization,
        resources,
    } = statement.predicate;
    if statement.kind != STATEMENT_TYPE {
        return Err(wrong(format!("its _type is not {STATEMENT_TYPE}")));
    }
    if serialization.method != "files" {
        return Err(wrong(format!(
            "it was made with the method {:?}; only \"files\" is read, which is what the command line of model_signing writes",
            serialization.method
        )));
    }
    let hash = HashKind::from_name(&serialization.hash_type).ok_or_else(|| {
        wrong(format!(
            "its hash {:?} is not known",
            serialization.hash_type
        ))
    })?;
    let [subject] = statement.subject.as_slice() else {
        return Err(wrong(format!(
            "it has {} subjects; expected one",
            statement.subject.len()
        )));
    };
    if resources.is_empty() {
        return Err(wrong("it names no file".to_owned()));
    }
    let (resources, digest) = read_resources(&resources, hash)?;
    if subject.digest.get("sha256").map(String::as_str) != Some(digest.to_string().as_str()) {
        return Err(wrong(
            "its subject's digest is not that of its files".to_owned(),
        ));
    }
    for path in &serialization.ignore_paths {
        check_ignored(path)?;
    }
    Ok(Manifest {
        name: subject.name.clone(),
        hash,
        allow_symlinks: serialization.allow_symlinks,
        ignore_paths: serialization.ignore_paths,
        resources,
    })
}

/// The files, and the digest over theirs in the order of the statement.
fn read_resources(
    listed: &[Resource],
    hash: HashKind,
) -> Result<(BTreeMap<ResourcePath, Vec<u8>>, Digest), ModelSigningError> {
    let wrong = |path: &ResourcePath, what: &str| {
        Err(ModelSigningError::Statement(format!("{path} {what}")))
    };
    let mut resources = BTreeMap::new();
    let mut hasher = Hasher::new();
    for one in listed {
        let path = ResourcePath::new(&one.name)?;
        if one.algorithm != hash.name() {
            return wrong(&path, "is hashed in another way than the rest");
        }
        let digest = match hex::decode(&one.digest) {
            Ok(digest) if digest.len() == hash.bytes() => digest,
            _ => return wrong(&path, "has no digest of that kind"),
        };
        hasher.update(&digest);
        if resources.insert(path.clone(), digest).is_some() {
            return wrong(&path, "is there twice");
        }
    }
    Ok((resources, hasher.finish().0))
}

/// A path that is left out: within the model, and not the whole of it.
pub(super) fn check_ignored(path: &str) -> Result<(), ModelSigningError> {
    match ResourcePath::new(path) {
        Ok(path) if path != ResourcePath::only_file() => Ok(()),
        Ok(_) => Err(ModelSigningError::Statement(
            "it leaves out the whole model".to_owned(),
        )),
        Err(error) => Err(error),
    }
}
