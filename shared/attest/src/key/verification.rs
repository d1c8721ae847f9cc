use p256::pkcs8::{Document, LineEnding, ObjectIdentifier, SubjectPublicKeyInfoRef};
use ring::signature::{
    ED25519, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};

use super::{KeyError, KeyId, PublicKey};

/// `id-Ed25519` (RFC 8410 §3).
const ED25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// `rsaEncryption` (RFC 8017 A.1).
const RSA_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const LABEL: &str = "PUBLIC KEY";

/// A public key of any kind that in-toto metadata is verified with here. Only P-256 keys sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerificationKey {
    /// ECDSA with P-256 and SHA-256 (`ecdsa-sha2-nistp256`).
    P256(PublicKey),
    /// Ed25519 (RFC 8032).
    Ed25519 {
        /// The point, 32 bytes.
        point: [u8; 32],
        /// The key's id.
        keyid: KeyId,
    },
    /// RSA of 2048 to 8192 bits, RSASSA-PSS with SHA-256 and a salt of 32 bytes (`rsassa-pss-sha256`, RFC 8017 §8.1).
    RsaPss {
        /// `RSAPublicKey` (RFC 8017 A.1.1), DER.
        pkcs1: Vec<u8>,
        /// `SubjectPublicKeyInfo` in PEM.
        pem: String,
        /// The key's id.
        keyid: KeyId,
    },
}

impl VerificationKey {
    /// Reads a `SubjectPublicKeyInfo` PEM of any of these kinds.
    ///
    /// # Errors
    /// [`KeyError::Unsupported`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (label, document) = Document::from_pem(pem).map_err(|_| KeyError::Unsupported)?;
        let info: SubjectPublicKeyInfoRef<'_> =
            document.decode_msg().map_err(|_| KeyError::Unsupported)?;
        let bits = info
            .subject_public_key
            .as_bytes()
            .filter(|_| label == LABEL)
            .ok_or(KeyError::Unsupported)?;
        if info.algorithm.oid == ED25519_OID {
            let point = bits.try_into().map_err(|_| KeyError::Unsupported)?;
            return Ok(Self::ed25519(point));
        }
        if info.algorithm.oid == RSA_OID {
            // The text is written anew, so that one key has one text and one id.
            let pem = document
                .to_pem(LABEL, LineEnding::LF)
                .map_err(|_| KeyError::Unsupported)?;
            return Ok(Self::RsaPss {
                pkcs1: bits.to_vec(),
                keyid: KeyId::of("rsa", "rsassa-pss-sha256", &pem),
                pem,
            });
        }
        PublicKey::from_pem(pem)
            .map(Self::P256)
            .map_err(|_| KeyError::Unsupported)
    }

    /// A key as in-toto metadata writes it: type, scheme and public part.
    ///
    /// # Errors
    /// [`KeyError::Unsupported`] for other kinds and for a public part that is not one of the kind.
    pub fn from_parts(keytype: &str, scheme: &str, public: &str) -> Result<Self, KeyError> {
        let key = if keytype == "ed25519" {
            let mut point = [0; 32];
            hex::decode_to_slice(public, &mut point).map_err(|_| KeyError::Unsupported)?;
            Self::ed25519(point)
        } else {
            Self::from_pem(public)?
        };
        let (own_type, own_scheme, _) = key.parts();
        if (own_type, own_scheme) == (keytype, scheme) {
            Ok(key)
        } else {
            Err(KeyError::Unsupported)
        }
    }

    /// Type, scheme and public part, as in-toto metadata writes them.
    pub fn parts(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::P256(key) => ("ecdsa", "ecdsa-sha2-nistp256", key.to_pem().to_owned()),
            Self::Ed25519 { point, .. } => ("ed25519", "ed25519", hex::encode(point)),
            Self::RsaPss { pem, .. } => ("rsa", "rsassa-pss-sha256", pem.clone()),
        }
    }

    /// The key's id.
    pub fn keyid(&self) -> KeyId {
        match self {
            Self::P256(key) => key.keyid(),
            Self::Ed25519 { keyid, .. } | Self::RsaPss { keyid, .. } => *keyid,
        }
    }

    /// Verifies a signature of the message as other tools write it: DER for P-256 (either s), the bare bytes for others.
    ///
    /// # Errors
    /// [`KeyError::Mismatch`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let result = match self {
            Self::P256(key) => return key.verify_der_any_s(message, signature),
            Self::Ed25519 { point, .. } => check(&ED25519, point, message, signature),
            Self::RsaPss { pkcs1, .. } => {
                check(&RSA_PSS_2048_8192_SHA256, pkcs1, message, signature)
            }
        };
        result.map_err(|_| KeyError::Mismatch(self.keyid()))
    }

    fn ed25519(point: [u8; 32]) -> Self {
        Self::Ed25519 {
            point,
            keyid: KeyId::of("ed25519", "ed25519", &hex::encode(point)),
        }
    }
}

impl From<PublicKey> for VerificationKey {
    fn from(key: PublicKey) -> Self {
        Self::P256(key)
    }
}

fn check(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), ring::error::Unspecified> {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature)
}
