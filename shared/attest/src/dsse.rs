//! DSSE 1.0: a signed payload with its type, in which nothing has to be made canonical.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use serde::{Deserialize, Serialize};

use crate::{
    KeyError, KeyId, PublicKey, SigningKey, VerificationKey,
    json::{JsonError, Limits, jcs, parse},
};

/// The payload type of in-toto's links, layouts and Statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// Signatures looked at in one envelope.
const MAX_SIGNATURES: usize = 64;

/// Why bytes are no envelope, or no envelope of whom it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsseError {
    /// Not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// JSON of another shape.
    #[error("not a DSSE envelope: {0}; expected payload, payloadType and signatures")]
    Shape(String),
    /// The bytes are not the ones that [`Envelope::to_bytes`] writes.
    #[error("the envelope is not in the one form that is accepted here (RFC 8785)")]
    NotCanonical,
    /// The payload is of another type.
    #[error("the payload is of the type {found:?}; expected {expected:?}")]
    Type {
        /// What the envelope says.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// It carries no signature, or several.
    #[error("{0} signatures; expected exactly one")]
    Signatures(usize),
    /// Too few of the keys signed.
    #[error("signed by {found} of the keys; {needed} needed")]
    Threshold {
        /// Distinct keys with a signature that holds.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// The signature is another key's.
    #[error("signed with the key {found:?}; expected {expected}")]
    OtherKey {
        /// The key that the envelope names.
        found: String,
        /// The key that it was to be verified with.
        expected: KeyId,
    },
    /// The signature is malformed or does not fit.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A signature in an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// Names the key; a hint that nothing signs, empty where there is none.
    pub keyid: String,
    /// The signature's bytes.
    pub sig: Vec<u8>,
}

/// A payload, its type and signatures of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What kind of bytes the payload is.
    pub payload_type: String,
    /// What is signed, byte for byte.
    pub payload: Vec<u8>,
    /// Who signed.
    pub signatures: Vec<EnvelopeSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    payload: String,
    payload_type: String,
    signatures: Vec<FileSignature>,
}

#[derive(Serialize, Deserialize)]
struct FileSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// An envelope that nobody has signed yet.
    pub fn new(payload_type: impl Into<String>, payload: Vec<u8>) -> Self {
        Self {
            payload_type: payload_type.into(),
            payload,
            signatures: Vec::new(),
        }
    }

    /// Reads an envelope that any tool wrote: either alphabet of base64, unknown members passed over, as DSSE asks.
    ///
    /// # Errors
    /// [`DsseError::Json`], [`DsseError::Shape`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, DsseError> {
        let shape = |reason: String| DsseError::Shape(reason);
        let file: File = serde_json::from_value(parse(bytes, limits)?)
            .map_err(|error| shape(error.to_string()))?;
        if file.signatures.len() > MAX_SIGNATURES {
            return Err(shape(format!("{} signatures", file.signatures.len())));
        }
        let decode = |what: &str, text: &str| {
            let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
            decoded.map_err(|error| shape(format!("{what}: {error}")))
        };
        let signatures = file.signatures.into_iter().map(|one| {
            Ok(EnvelopeSignature {
                sig: decode("sig", &one.sig)?,
                keyid: one.keyid,
            })
        });
        Ok(Self {
            payload: decode("payload", &file.payload)?,
            payload_type: file.payload_type,
            signatures: signatures.collect::<Result<_, DsseError>>()?,
        })
    }

    /// Reads an envelope that [`Envelope::to_bytes`] wrote, and refuses every other spelling of it.
    ///
    /// # Errors
    /// As [`Envelope::parse`], and [`DsseError::NotCanonical`].
    pub fn parse_canonical(bytes: &[u8], limits: &Limits) -> Result<Self, DsseError> {
        let envelope = Self::parse(bytes, limits)?;
        if envelope.to_bytes() == bytes {
            Ok(envelope)
        } else {
            Err(DsseError::NotCanonical)
        }
    }

    /// The envelope as one line of JSON (RFC 8785).
    pub fn to_bytes(&self) -> Vec<u8> {
        let file = File {
            payload: STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: self
                .signatures
                .iter()
                .map(|one| FileSignature {
                    keyid: one.keyid.clone(),
                    sig: STANDARD.encode(&one.sig),
                })
                .collect(),
        };
        // Strings alone always become a value.
        jcs(&serde_json::to_value(file).unwrap_or_default())
    }

    /// What a signature is made over: DSSE's pre-authentication encoding.
    pub fn pae(&self) -> Vec<u8> {
        let (kind, payload) = (&self.payload_type, &self.payload);
        let mut pae = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
        pae.extend_from_slice(payload);
        pae
    }

    /// Adds the key's signature, in the place of an older one of the same key.
    ///
    /// # Errors
    /// As [`SigningKey::sign_der`]; the envelope is as it was then.
    pub fn sign(&mut self, key: &SigningKey) -> Result<(), KeyError> {
        let keyid = key.keyid().to_string();
        let sig = key.sign_der(&self.pae())?;
        self.signatures.retain(|one| one.keyid != keyid);
        self.signatures.push(EnvelopeSignature { keyid, sig });
        Ok(())
    }

    /// Verifies that at least `threshold` of the keys signed; gives those that did.
    ///
    /// # Errors
    /// [`DsseError::Threshold`]; a threshold of 0 is taken for 1.
    pub fn verify(
        &self,
        keys: &[VerificationKey],
        threshold: usize,
    ) -> Result<Vec<KeyId>, DsseError> {
        let pae = self.pae();
        let signed = |key: &&VerificationKey| {
            let keyid = key.keyid().to_string();
            let of_key = |one: &&EnvelopeSignature| one.keyid == keyid || one.keyid.is_empty();
            let mut candidates = self.signatures.iter().filter(of_key);
            candidates.any(|one| key.verify(&pae, &one.sig).is_ok())
        };
        let mut found: Vec<KeyId> = keys.iter().filter(signed).map(|key| key.keyid()).collect();
        found.sort_unstable();
        found.dedup();
        let needed = threshold.max(1);
        if found.len() < needed {
            return Err(DsseError::Threshold {
                found: found.len(),
                needed,
            });
        }
        Ok(found)
    }

    /// The payload, once the only signature is verified strictly (one encoding, low s) with the one key that it may be
    /// of, and the type is the expected one.
    ///
    /// # Errors
    /// [`DsseError::Type`], [`DsseError::Signatures`], [`DsseError::OtherKey`], [`DsseError::Key`].
    pub fn verify_only(&self, kind: &'static str, key: &PublicKey) -> Result<&[u8], DsseError> {
        if self.payload_type != kind {
            return Err(DsseError::Type {
                found: self.payload_type.chars().take(80).collect(),
                expected: kind,
            });
        }
        let [signature] = self.signatures.as_slice() else {
            return Err(DsseError::Signatures(self.signatures.len()));
        };
        if signature.keyid != key.keyid().to_string() {
            return Err(DsseError::OtherKey {
                found: signature.keyid.chars().take(80).collect(),
                expected: key.keyid(),
            });
        }
        key.verify_der(&self.pae(), &signature.sig)?;
        Ok(&self.payload)
    }
}

#[cfg(test)]
mod tests;
