use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

/// Digests of one artifact, hexadecimal, by algorithm. Two artifacts are the same when all of it is.
pub type DigestSet = BTreeMap<String, String>;
/// Paths and their digests. Any text may be a path here, so nothing is ever opened under one.
pub type AnyArtifacts = BTreeMap<String, DigestSet>;

/// A link as any tool may write it: with digests of any algorithms, and paths that [`super::Link`] would refuse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnyLink {
    #[serde(rename = "_type")]
    kind: Kind,
    /// What its writer calls the step.
    pub name: String,
    /// What ran.
    pub command: Vec<String>,
    /// What it read.
    #[serde(deserialize_with = "artifacts")]
    pub materials: AnyArtifacts,
    /// What it wrote.
    #[serde(deserialize_with = "artifacts")]
    pub products: AnyArtifacts,
    /// Its output and exit status.
    pub byproducts: Map<String, Value>,
    /// Where it ran.
    pub environment: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "link")]
    Link,
}

fn artifacts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AnyArtifacts, D::Error> {
    let artifacts = AnyArtifacts::deserialize(deserializer)?;
    let is_hex = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    match artifacts
        .values()
        .flat_map(BTreeMap::values)
        .find(|hex| !is_hex(hex))
    {
        Some(other) => Err(D::Error::custom(format_args!(
            "{:?} is no digest in hexadecimal",
            other.chars().take(80).collect::<String>()
        ))),
        None => Ok(artifacts),
    }
}
