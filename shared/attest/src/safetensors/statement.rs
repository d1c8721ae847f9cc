use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::SafetensorsError;
use crate::{
    Digest,
    json::{Limits, jcs, parse_canonical},
};

/// Where in the metadata the signature lies: a sigstore bundle as text.
pub const SIGNATURE_KEY: &str = "assay.signature";
/// The predicate type of the signed statement.
pub const PREDICATE_TYPE: &str = "urn:assay:safetensors-signature:v1";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The name of the tensor digest in the statement.
const DIGEST_NAME: &str = "assay_tensors_v1";

/// What the signer says of itself and the model. Only a certificate under a pinned root makes identity and issuer
/// more than that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The model's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The model's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Who signs: a mail address, a URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Who vouches for the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// What is signed in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The tensor digest, in hexadecimal.
    pub tensors: String,
    /// How many tensors there are.
    pub count: u64,
    /// SHA-256 of the metadata without the signature, as canonical JSON (RFC 8785).
    pub metadata: Digest,
    /// What the signer says.
    pub claims: Claims,
}

/// The digest of the metadata as it is signed: everything but the signature.
pub(super) fn metadata_digest(metadata: &BTreeMap<String, String>) -> Digest {
    let rest: BTreeMap<_, _> = metadata
        .iter()
        .filter(|(key, _)| *key != SIGNATURE_KEY)
        .collect();
    Digest::of(&jcs(&json!(rest)))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    tensors: u64,
    metadata: Digest,
    claims: Claims,
}

impl Statement {
    /// The statement's bytes: an in-toto statement in canonical JSON.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let predicate = Predicate {
            tensors: self.count,
            metadata: self.metadata,
            claims: self.claims.clone(),
        };
        jcs(&json!({
            "_type": STATEMENT_TYPE,
            "subject": [{
                "name": self.claims.name.as_deref().unwrap_or("tensors"),
                "digest": {DIGEST_NAME: self.tensors},
            }],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }))
    }

    /// Reads what [`Statement::to_bytes`] wrote, and nothing else.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, SafetensorsError> {
        let wrong = |why: String| SafetensorsError::Statement(why);
        let value = parse_canonical(payload, &Limits::METADATA)
            .map_err(|error| wrong(error.to_string()))?;
        let kind = value["predicateType"].as_str().unwrap_or_default();
        if kind != PREDICATE_TYPE {
            let start: String = kind.chars().take(80).collect();
            return Err(wrong(format!(
                "it is of the type {start:?}; expected {PREDICATE_TYPE}"
            )));
        }
        let predicate: Predicate = serde_json::from_value(value["predicate"].clone())
            .map_err(|error| wrong(error.to_string()))?;
        let tensors = value["subject"][0]["digest"][DIGEST_NAME]
            .as_str()
            .unwrap_or_default();
        let statement = Self {
            tensors: tensors.to_owned(),
            count: predicate.tensors,
            metadata: predicate.metadata,
            claims: predicate.claims,
        };
        // Whatever else it might say, it says in other bytes.
        if statement.to_bytes() == payload {
            Ok(statement)
        } else {
            Err(wrong("it is not written as such statements are".to_owned()))
        }
    }
}
