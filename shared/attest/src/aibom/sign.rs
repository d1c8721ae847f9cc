use serde_json::{Value, json};

use super::{Facts, build};
use crate::{
    KeyError, PublicKey, SigningKey,
    json::{JsonError, jcs},
};

/// Why a document is not an AIBoM signed as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BomError {
    /// Not JSON, or not canonical.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// No JSF signature of the one accepted kind.
    #[error(
        "{0}; expected one JSF signature with algorithm ES256, publicKey and value, and nothing excluded"
    )]
    Signature(&'static str),
    /// Signed by somebody else.
    #[error("the public key in the document is not the trusted platform key {0}")]
    OtherKey(crate::KeyId),
    /// The signature is malformed or does not fit.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Signed, but not a document that this crate builds.
    #[error("not an AIBoM of a job: {0}")]
    Shape(String),
    /// The facts do not make up a document.
    #[error("facts: {0}")]
    Facts(String),
}

/// Builds the document and signs it (JSF 0.82, ES256 over RFC 8785); gives the bytes of the file.
///
/// Its detached signature `aibom.sig` is [`SigningKey::sign_der`] of these bytes.
///
/// # Errors
/// [`BomError::Facts`], [`BomError::Key`].
pub fn sign(facts: &Facts, key: &SigningKey) -> Result<Vec<u8>, BomError> {
    let mut document = build(facts)?;
    let mut signature = signature_core(key.public());
    let message = signed_bytes(&mut document, &signature);
    if let Some(core) = signature.as_object_mut() {
        core.insert("value".into(), encode(&key.sign_raw(&message)?).into());
    }
    if let Some(members) = document.as_object_mut() {
        members.insert("signature".into(), signature);
    }
    Ok(jcs(&document))
}

/// The signature object without its value.
pub(super) fn signature_core(key: &PublicKey) -> Value {
    let (x, y) = key.jwk_coordinates();
    json!({"algorithm": "ES256", "publicKey": {"kty": "EC", "crv": "P-256", "x": x, "y": y}})
}

/// What the signature is made over: the document with the signature object lacking only its value.
pub(super) fn signed_bytes(document: &mut Value, core: &Value) -> Vec<u8> {
    if let Some(members) = document.as_object_mut() {
        members.insert("signature".into(), core.clone());
    }
    jcs(document)
}

fn encode(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}
