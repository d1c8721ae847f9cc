use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    KeyError, KeyId, PublicKey, SigningKey,
    json::{CanonicalError, JsonError, Limits, jcs, olpc, parse_canonical},
};

/// Why a file is not signed in-toto metadata, or not signed by whom it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not JSON, or not canonical.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// JSON of another shape than a metablock of the expected kind.
    #[error("not in-toto metadata of the expected kind: {0}")]
    Shape(String),
    /// A number that in-toto cannot sign.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// It carries no signature, or several.
    #[error("{0} signatures; expected exactly one")]
    Signatures(usize),
    /// The signature is another key's.
    #[error("signed with the key {found}; expected {expected}")]
    OtherKey {
        /// The key that the file names.
        found: KeyId,
        /// The key that it was to be verified with.
        expected: KeyId,
    },
    /// There is no signature of the key.
    #[error("it is not signed with the key {0}")]
    Unsigned(KeyId),
    /// The signature is malformed or does not fit.
    #[error(transparent)]
    Key(#[from] KeyError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metablock {
    signatures: Vec<Signature>,
    signed: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: KeyId,
    sig: String,
}

/// Signs a [`Link`](super::Link) or a [`Layout`](super::Layout); gives the bytes of the file.
///
/// # Errors
/// [`MetadataError::Key`]; [`MetadataError::Canonical`] for a number that is no integer within ±(2^53 - 1), and [`MetadataError::Shape`] for a
/// payload that would not be read back as it is, as one with a path that is not an artifact's.
pub fn sign<T: Serialize + DeserializeOwned>(
    payload: &T,
    key: &SigningKey,
) -> Result<Vec<u8>, MetadataError> {
    let signed = serde_json::to_value(payload).map_err(shape)?;
    // What cannot be verified is not signed.
    T::deserialize(&signed).map_err(shape)?;
    let sig = hex::encode(key.sign_der(&olpc(&signed)?)?);
    let block = Metablock {
        signatures: vec![Signature {
            keyid: key.keyid(),
            sig,
        }],
        signed,
    };
    Ok(jcs(&serde_json::to_value(block).map_err(shape)?))
}

/// Metadata as read from a file: well formed and canonical, its signature not verified yet.
#[derive(Debug, Clone)]
pub struct Signed<T> {
    payload: T,
    keyid: KeyId,
    signature: Vec<u8>,
    message: Vec<u8>,
}

impl<T: DeserializeOwned> Signed<T> {
    /// Reads a file that [`sign`] wrote; other encodings of the same metadata are refused.
    ///
    /// # Errors
    /// Every [`MetadataError`] but `OtherKey`; `Key` only for a signature that is not lower-case hexadecimal.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let value = parse_canonical(bytes, &Limits::METADATA)?;
        let block: Metablock = serde_json::from_value(value).map_err(shape)?;
        let [signature] = block.signatures.as_slice() else {
            return Err(MetadataError::Signatures(block.signatures.len()));
        };
        if signature.sig.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(KeyError::Encoding.into());
        }
        let bytes = hex::decode(&signature.sig).map_err(|_| KeyError::Encoding)?;
        let message = olpc(&block.signed)?;
        let payload = serde_json::from_value(block.signed).map_err(shape)?;
        Ok(Self {
            payload,
            keyid: signature.keyid,
            signature: bytes,
            message,
        })
    }
}

impl<T> Signed<T> {
    /// The key that the file says it is signed with.
    pub fn keyid(&self) -> KeyId {
        self.keyid
    }

    /// What it says, for finding what is needed to verify it. Anybody can have written this.
    pub fn unverified(&self) -> &T {
        &self.payload
    }

    /// What it says, once the signature is verified with a key that the caller trusts.
    ///
    /// # Errors
    /// [`MetadataError::OtherKey`], [`MetadataError::Key`].
    pub fn verify(&self, key: &PublicKey) -> Result<&T, MetadataError> {
        if self.keyid != key.keyid() {
            return Err(MetadataError::OtherKey {
                found: self.keyid,
                expected: key.keyid(),
            });
        }
        key.verify_der(&self.message, &self.signature)?;
        Ok(&self.payload)
    }
}

fn shape(error: serde_json::Error) -> MetadataError {
    MetadataError::Shape(error.to_string())
}

#[cfg(test)]
mod tests;
