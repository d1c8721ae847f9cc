use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::{
    ecdsa::{self, signature::Verifier as _},
    elliptic_curve::Generate as _,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
        LineEnding,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{Digest, json::olpc};

mod signer;
mod verification;

use signer::Secret;

pub use signer::SignerError;
pub use verification::VerificationKey;

/// What can go wrong with keys and signatures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text holds no private key of the kind used here.
    #[error("not a P-256 private key; expected PKCS #8 in PEM (-----BEGIN PRIVATE KEY-----)")]
    Private,
    /// The text holds no public key of the kind used here.
    #[error(
        "not a P-256 public key; expected SubjectPublicKeyInfo in PEM (-----BEGIN PUBLIC KEY-----)"
    )]
    Public,
    /// The text holds no public key of a kind that signatures are verified with here.
    #[error(
        "not a public key that can be used here; expected P-256, Ed25519 or RSA of 2048 bits and more, as \
         SubjectPublicKeyInfo in PEM (-----BEGIN PUBLIC KEY-----)"
    )]
    Unsupported,
    /// The text is no key id.
    #[error("not a key id; expected 64 lower-case hexadecimal digits")]
    KeyId,
    /// The signature is not written in the one way that is accepted.
    #[error("the signature is not well formed; expected ECDSA P-256 with low s, minimally encoded")]
    Encoding,
    /// The signature belongs to other bytes or another key.
    #[error("the signature does not fit the bytes and the key {0}")]
    Mismatch(KeyId),
    /// A private key that is not in this process did not sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Names a public key: SHA-256 over in-toto's canonical JSON of it, as securesystemslib computes it from the PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Digest);

impl KeyId {
    /// The id of a key as in-toto's metadata has it (securesystemslib's `compute_default_keyid`).
    fn of(keytype: &str, scheme: &str, public: &str) -> Self {
        let key = json!({"keytype": keytype, "keyval": {"public": public}, "scheme": scheme});
        Self(Digest::of(&olpc(&key).unwrap_or_default()))
    }

    /// The first 8 digits, as link file names carry them.
    pub fn short(&self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.parse().map(Self).map_err(|_| KeyError::KeyId)
    }
}

/// An ECDSA P-256 private key (FIPS 186-5): in this process, wiped from memory when dropped, never shown; or elsewhere.
#[derive(Clone)]
pub struct SigningKey {
    secret: Secret,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.keyid)
    }
}

impl SigningKey {
    /// A new key from the operating system's random numbers.
    pub fn generate() -> Self {
        Self::from_secret(ecdsa::SigningKey::generate())
    }

    /// Reads a PKCS #8 PEM.
    ///
    /// # Errors
    /// [`KeyError::Private`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        ecdsa::SigningKey::from_pkcs8_pem(pem)
            .map(Self::from_secret)
            .map_err(|_| KeyError::Private)
    }

    /// The key as PKCS #8 PEM with LF line ends, wiped from memory when dropped.
    ///
    /// # Errors
    /// [`KeyError::Signer`] for a key that is not in this process; [`KeyError::Private`] if the encoder refuses, which no
    /// valid key makes it do.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.secret
            .here()?
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| KeyError::Private)
    }

    /// A key that is not in this process: `sign` has SHA-256 of a message signed, and gives the signature in DER. It may
    /// wait for an answer, so such a key is not to be used where nothing may wait.
    ///
    /// What it gives is verified and brought into the low-s form before it is used.
    pub fn elsewhere(
        public: PublicKey,
        sign: impl Fn(Digest) -> Result<Vec<u8>, SignerError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            secret: Secret::Elsewhere(Arc::new(sign)),
            public,
        }
    }

    fn from_secret(secret: ecdsa::SigningKey) -> Self {
        let public = PublicKey::from_point(*secret.verifying_key());
        Self {
            secret: Secret::Here(secret),
            public,
        }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The public half's id.
    pub fn keyid(&self) -> KeyId {
        self.public.keyid
    }

    /// Signs SHA-256 of the message, s low, and deterministically (RFC 6979) if the key is in this process; DER as in-toto
    /// and OpenSSL have it.
    ///
    /// # Errors
    /// [`KeyError::Signer`], which a key in this process never gives.
    pub fn sign_der(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(self.sign(message)?.to_der().as_bytes().to_vec())
    }

    /// Signs like [`SigningKey::sign_der`]; lower-case hexadecimal, for signatures that are kept as text.
    ///
    /// # Errors
    /// As [`SigningKey::sign_der`].
    pub fn sign_hex(&self, message: &[u8]) -> Result<String, KeyError> {
        Ok(hex::encode(self.sign_der(message)?))
    }

    /// Signs like [`SigningKey::sign_der`]; 64 bytes r‖s, as JSON Web Signatures have it.
    ///
    /// # Errors
    /// As [`SigningKey::sign_der`].
    pub fn sign_raw(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        Ok(self.sign(message)?.to_bytes().into())
    }

    fn sign(&self, message: &[u8]) -> Result<ecdsa::Signature, KeyError> {
        // Of the two values of s that verify, the verifiers here accept the low one: a proof has one encoding.
        let signature = self.secret.sign(message)?.normalize_s();
        if matches!(self.secret, Secret::Elsewhere(_)) {
            // What signs elsewhere may have been given another key, and no such signature may go into a proof.
            self.public
                .verify(message, &signature)
                .map_err(|error| SignerError::lasting(error.to_string()))?;
        }
        Ok(signature)
    }
}

/// An ECDSA P-256 public key, and its id.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PublicKey {
    point: ecdsa::VerifyingKey,
    pem: String,
    keyid: KeyId,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.keyid)
    }
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` PEM (RFC 5480, RFC 7468).
    ///
    /// # Errors
    /// [`KeyError::Public`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        ecdsa::VerifyingKey::from_public_key_pem(pem)
            .map(Self::from_point)
            .map_err(|_| KeyError::Public)
    }

    fn from_point(point: ecdsa::VerifyingKey) -> Self {
        // The encoder fails only on lengths that a P-256 key does not have; an empty PEM would match no key id.
        let pem = point.to_public_key_pem(LineEnding::LF).unwrap_or_default();
        let keyid = KeyId::of("ecdsa", "ecdsa-sha2-nistp256", &pem);
        Self { point, pem, keyid }
    }

    /// `SubjectPublicKeyInfo` in PEM, LF line ends, a line end after the last line.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// The key's id.
    pub fn keyid(&self) -> KeyId {
        self.keyid
    }

    /// The point's coordinates x and y as a JSON Web Key has them (RFC 7518 §6.2.1): 32 bytes each, base64url.
    pub fn jwk_coordinates(&self) -> (String, String) {
        let point = self.point.to_sec1_point(false);
        let encode = |bytes: Option<&p256::FieldBytes>| {
            bytes
                .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
                .unwrap_or_default()
        };
        (encode(point.x()), encode(point.y()))
    }

    /// Verifies a signature that [`SigningKey::sign_hex`] gave.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] when it is not lower-case hexadecimal; as [`PublicKey::verify_der`].
    pub fn verify_hex(&self, message: &[u8], signature: &str) -> Result<(), KeyError> {
        let bytes = hex::decode(signature).map_err(|_| KeyError::Encoding)?;
        if hex::encode(&bytes) != signature {
            return Err(KeyError::Encoding);
        }
        self.verify_der(message, &bytes)
    }

    /// Verifies a DER signature of SHA-256 of the message.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] when s is high or the DER is not minimal; [`KeyError::Mismatch`].
    pub fn verify_der(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let parsed = ecdsa::Signature::from_der(signature).map_err(|_| KeyError::Encoding)?;
        if parsed.to_der().as_bytes() != signature {
            return Err(KeyError::Encoding);
        }
        self.verify(message, &parsed)
    }

    /// Verifies like [`PublicKey::verify_der`], and takes the high s as well, which most other signers write in half of
    /// their signatures.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] when it is no DER signature; [`KeyError::Mismatch`].
    pub fn verify_der_any_s(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let parsed = ecdsa::Signature::from_der(signature).map_err(|_| KeyError::Encoding)?;
        self.verify(message, &parsed.normalize_s())
    }

    /// Verifies a 64-byte r‖s signature of SHA-256 of the message.
    ///
    /// # Errors
    /// As [`PublicKey::verify_der`].
    pub fn verify_raw(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let parsed = ecdsa::Signature::from_slice(signature).map_err(|_| KeyError::Encoding)?;
        self.verify(message, &parsed)
    }

    fn verify(&self, message: &[u8], signature: &ecdsa::Signature) -> Result<(), KeyError> {
        if signature.normalize_s() != *signature {
            return Err(KeyError::Encoding);
        }
        self.point
            .verify(message, signature)
            .map_err(|_| KeyError::Mismatch(self.keyid))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(pem: String) -> Result<Self, KeyError> {
        Self::from_pem(&pem)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.pem
    }
}

#[cfg(test)]
mod tests;
