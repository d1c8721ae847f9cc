use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Digest, KeyId};

/// Paths and the SHA-256 of what lies there. Every path has passed [`crate::check_path`] once it was parsed.
pub type Artifacts = BTreeMap<String, Digest>;

/// What one functionary says of one step: what went in, what came out, what ran (in-toto specification 1.0 §4.4).
///
/// The free members `byproducts` and `environment` may hold strings, integers, booleans, arrays and objects;
/// a fraction cannot be signed and is written as a string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    #[serde(rename = "_type")]
    kind: Kind,
    /// The step.
    pub name: String,
    /// The command line that carried it out.
    pub command: Vec<String>,
    /// What it read.
    #[serde(with = "artifacts")]
    pub materials: Artifacts,
    /// What it wrote.
    #[serde(with = "artifacts")]
    pub products: Artifacts,
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

impl Link {
    /// A link that names no artifacts yet.
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Self {
        Self {
            kind: Kind::Link,
            name: name.into(),
            command,
            materials: Artifacts::new(),
            products: Artifacts::new(),
            byproducts: Map::new(),
            environment: Map::new(),
        }
    }

    /// The digest of the artifact at `path`, product or material.
    pub fn digest_of(&self, path: &str) -> Option<Digest> {
        self.products
            .get(path)
            .or_else(|| self.materials.get(path))
            .copied()
    }
}

/// `<step>.<first 8 digits of the key id>.link`, the only name under which in-toto looks for a link.
pub fn link_file_name(step: &str, keyid: &KeyId) -> String {
    format!("{step}.{}.link", keyid.short())
}

/// Artifacts as links write them: `{path: {"sha256": hex}}`.
mod artifacts {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use super::Artifacts;
    use crate::{Digest, check_path};

    /// SHA-256 and nothing else: MATCH rules compare whole digest sets, and one algorithm keeps that one comparison.
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct DigestSet {
        sha256: Digest,
    }

    pub(super) fn serialize<S: Serializer>(
        artifacts: &Artifacts,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            artifacts
                .iter()
                .map(|(path, &sha256)| (path, DigestSet { sha256 })),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Artifacts, D::Error> {
        let sets = BTreeMap::<String, DigestSet>::deserialize(deserializer)?;
        sets.into_iter()
            .map(|(path, set)| match check_path(&path) {
                Ok(()) => Ok((path, set.sha256)),
                Err(error) => Err(D::Error::custom(error)),
            })
            .collect()
    }
}
