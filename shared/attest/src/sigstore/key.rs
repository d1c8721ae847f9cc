use std::fmt;

use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding};

use super::BundleError;
use crate::{Digest, PublicKey};

/// A public key that can verify a bundle: ECDSA on P-256, P-384 or P-521, each with the SHA-2 of its own size.
#[derive(Clone, PartialEq, Eq)]
pub struct EcPublicKey {
    point: Point,
    pem: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Point {
    P256(p256::ecdsa::VerifyingKey),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
}

impl fmt::Debug for EcPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcPublicKey({})", self.hint())
    }
}

impl EcPublicKey {
    /// Reads a `SubjectPublicKeyInfo` PEM (RFC 5480, RFC 7468).
    ///
    /// # Errors
    /// [`BundleError::Key`].
    pub fn from_pem(pem: &str) -> Result<Self, BundleError> {
        let point = if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_pem(pem) {
            Point::P256(key)
        } else if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_pem(pem) {
            Point::P384(Box::new(key))
        } else if let Ok(key) = p521::ecdsa::VerifyingKey::from_public_key_pem(pem) {
            Point::P521(Box::new(key))
        } else {
            return Err(BundleError::Key("no such public key".to_owned()));
        };
        Self::from_point(point)
    }

    /// Reads a DER `SubjectPublicKeyInfo`, as certificates hold it.
    ///
    /// # Errors
    /// [`BundleError::Key`].
    pub fn from_der(der: &[u8]) -> Result<Self, BundleError> {
        let point = if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(der) {
            Point::P256(key)
        } else if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(der) {
            Point::P384(Box::new(key))
        } else if let Ok(key) = p521::ecdsa::VerifyingKey::from_public_key_der(der) {
            Point::P521(Box::new(key))
        } else {
            return Err(BundleError::Key(
                "the certificate has another kind of key".to_owned(),
            ));
        };
        Self::from_point(point)
    }

    fn from_point(point: Point) -> Result<Self, BundleError> {
        let pem = match &point {
            Point::P256(key) => key.to_public_key_pem(LineEnding::LF),
            Point::P384(key) => key.to_public_key_pem(LineEnding::LF),
            Point::P521(key) => key.to_public_key_pem(LineEnding::LF),
        };
        let pem = pem.map_err(|error| BundleError::Key(error.to_string()))?;
        Ok(Self { point, pem })
    }

    /// `SubjectPublicKeyInfo` in PEM, LF line ends, a line end after the last line.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// How a bundle names the key: SHA-256 of its PEM, in hexadecimal.
    pub fn hint(&self) -> String {
        Digest::of(self.pem.as_bytes()).to_string()
    }

    /// Verifies a DER signature of the message.
    ///
    /// Both values of s are accepted, since the reference implementation writes either; [`PublicKey::verify_der`]
    /// accepts the low one only.
    ///
    /// # Errors
    /// [`BundleError::Mismatch`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BundleError> {
        let wrong = |_| BundleError::Mismatch;
        match &self.point {
            Point::P256(key) => {
                let signature = p256::ecdsa::Signature::from_der(signature).map_err(wrong)?;
                key.verify(message, &signature).map_err(wrong)
            }
            Point::P384(key) => {
                let signature = p384::ecdsa::Signature::from_der(signature).map_err(wrong)?;
                key.verify(message, &signature).map_err(wrong)
            }
            Point::P521(key) => {
                let signature = p521::ecdsa::Signature::from_der(signature).map_err(wrong)?;
                key.verify(message, &signature).map_err(wrong)
            }
        }
    }
}

impl EcPublicKey {
    /// Verifies like [`EcPublicKey::verify`], and takes P-256 with the low s alone, minimally encoded: what
    /// [`crate::SigningKey`] writes.
    ///
    /// # Errors
    /// [`BundleError::Mismatch`].
    pub fn verify_canonical(&self, message: &[u8], signature: &[u8]) -> Result<(), BundleError> {
        let own = PublicKey::from_pem(&self.pem).map_err(|_| BundleError::Mismatch)?;
        own.verify_der(message, signature)
            .map_err(|_| BundleError::Mismatch)
    }
}

impl TryFrom<&PublicKey> for EcPublicKey {
    type Error = BundleError;

    fn try_from(key: &PublicKey) -> Result<Self, BundleError> {
        Self::from_pem(key.to_pem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    #[test]
    fn other_curves_and_other_texts_are_refused() {
        // secp256k1, from `openssl ecparam -name secp256k1 -genkey | openssl ec -pubout`.
        let k256 = "-----BEGIN PUBLIC KEY-----\n\
            MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEnpy7HfKcxuI22IRMv9ubcVRntWx3IEIw\n\
            3M0FH+lEtPdv84P1zDdO/urqIg5yZx+6nNXFHa4kcuD1fag+GhEOaA==\n-----END PUBLIC KEY-----\n";
        for text in [
            k256,
            "",
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        ] {
            assert!(matches!(
                EcPublicKey::from_pem(text),
                Err(BundleError::Key(_))
            ));
        }
    }

    #[test]
    fn a_signature_of_other_bytes_or_with_trailing_bytes_is_refused() {
        let signer = SigningKey::generate();
        let key = EcPublicKey::try_from(signer.public()).unwrap();
        let signature = signer.sign_der(b"message").unwrap();
        assert_eq!(key.verify(b"message", &signature), Ok(()));
        assert_eq!(
            key.verify(b"massage", &signature),
            Err(BundleError::Mismatch)
        );
        let mut longer = signature.clone();
        longer.push(0);
        assert_eq!(key.verify(b"message", &longer), Err(BundleError::Mismatch));
        assert_eq!(
            key.verify(b"message", &signature[1..]),
            Err(BundleError::Mismatch)
        );
    }
}
