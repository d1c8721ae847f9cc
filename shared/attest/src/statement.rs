//! in-toto Statements (attestation framework 1.0), the DSSE envelopes that carry them signed, and the file
//! `bundle.jsonl` that gathers all of a model.

mod provenance;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Digest, KeyError, PublicKey, SigningKey,
    dsse::{DsseError, Envelope, IN_TOTO},
    intoto::{Artifacts, Link},
    json::{JsonError, Limits, jcs, parse_canonical},
    model_signing::Manifest,
};

pub use provenance::{BUILD_TYPE, Build, PROVENANCE, builder_id};

/// The predicate type of an AIBoM.
pub const BOM: &str = "https://cyclonedx.org/bom";
/// Statements looked at in one file.
const MAX_STATEMENTS: usize = 16;
/// For envelopes: little but long strings.
const ENVELOPE: Limits = Limits {
    max_bytes: 24 << 20,
    max_depth: 4,
    max_values: 100,
};

/// Why a line is no Statement signed as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not a DSSE envelope of the platform.
    #[error(transparent)]
    Envelope(#[from] DsseError),
    /// The payload is not JSON, or not canonical.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The payload is something else.
    #[error("the payload is no in-toto Statement v1: {0}")]
    Shape(String),
    /// The key did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The lines of a file are not what they should be.
    #[error("{0}; expected one signed Statement a line")]
    Lines(&'static str),
}

/// What is said of some artifacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: Kind,
    /// The artifacts, by name.
    pub subject: Vec<Subject>,
    /// What kind of thing is said.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "https://in-toto.io/Statement/v1")]
    V1,
}

/// An artifact that a Statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its path.
    pub name: String,
    digest: DigestSet,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DigestSet {
    sha256: Digest,
}

impl Statement {
    /// A statement on artifacts.
    pub fn new(artifacts: &Artifacts, predicate_type: impl Into<String>, predicate: Value) -> Self {
        let subject = artifacts.iter().map(|(name, &sha256)| Subject {
            name: name.clone(),
            digest: DigestSet { sha256 },
        });
        Self {
            kind: Kind::V1,
            subject: subject.collect(),
            predicate_type: predicate_type.into(),
            predicate,
        }
    }

    /// What a training's AIBoM says, as a statement on all of its outputs.
    pub fn of_bom(training: &Link, bom: Value) -> Self {
        Self::new(&training.products, BOM, bom)
    }

    /// The model signature's statement on a training's outputs (OpenSSF Model Signing 1.0), for tools that read
    /// Statements and no sigstore bundles.
    ///
    /// # Errors
    /// [`StatementError::Shape`] if it is none, which no link makes happen.
    pub fn of_model(training: &Link) -> Result<Self, StatementError> {
        let products = training.products.iter();
        let outputs = Manifest::of_outputs(products.map(|(path, digest)| (path.as_str(), *digest)));
        serde_json::from_value(outputs.statement()).map_err(shape)
    }

    /// Signs it; gives the envelope as one line without its end.
    ///
    /// # Errors
    /// [`StatementError::Key`]; [`StatementError::Shape`] if it cannot be written, which no value makes happen.
    pub fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, StatementError> {
        let value = serde_json::to_value(self).map_err(shape)?;
        let mut envelope = Envelope::new(IN_TOTO, jcs(&value));
        envelope.sign(key)?;
        Ok(envelope.to_bytes())
    }

    /// Reads a line that [`Statement::sign`] wrote, and verifies that it is signed by this key and no other.
    ///
    /// # Errors
    /// [`StatementError`] but for `Lines`.
    pub fn verify(line: &[u8], key: &PublicKey) -> Result<Self, StatementError> {
        let envelope = Envelope::parse_canonical(line, &ENVELOPE)?;
        let payload = envelope.verify_only(IN_TOTO, key)?;
        serde_json::from_value(parse_canonical(payload, &Limits::BOM)?).map_err(shape)
    }
}

/// The file that gathers signed Statements: each ends its line.
pub fn write_lines(statements: &[Vec<u8>]) -> Vec<u8> {
    let ends = statements.iter().flat_map(|line| [line.as_slice(), b"\n"]);
    ends.collect::<Vec<_>>().concat()
}

/// The lines of the file that [`write_lines`] gave.
///
/// # Errors
/// [`StatementError::Lines`] for other files: empty lines, a last line without an end, more lines than a model has.
pub fn read_lines(bytes: &[u8]) -> Result<Vec<&[u8]>, StatementError> {
    let Some(whole) = bytes.strip_suffix(b"\n") else {
        return Err(StatementError::Lines("the last line has no end"));
    };
    let lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
    if lines.len() > MAX_STATEMENTS {
        return Err(StatementError::Lines("it has more than 16 lines"));
    }
    if lines.iter().any(|line| line.is_empty()) {
        return Err(StatementError::Lines("it has an empty line"));
    }
    Ok(lines)
}

fn shape(error: serde_json::Error) -> StatementError {
    StatementError::Shape(error.to_string())
}

#[cfg(test)]
mod tests;
