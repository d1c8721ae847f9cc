//! ECDSA in certificates with the pairs of curve and hash that `ring` does not have.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest as _, Sha384, Sha512};

/// A curve and a hash (RFC 5758 §3.2; FIPS 186-5 §6.4).
#[derive(Debug)]
pub(super) struct Ecdsa {
    curve: Curve,
    hash: Hash,
}

#[derive(Debug, Clone, Copy)]
enum Curve {
    P256,
    P384,
    P521,
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Sha384,
    Sha512,
}

impl Ecdsa {
    pub(super) const P256_SHA512: Self = Self::new(Curve::P256, Hash::Sha512);
    pub(super) const P384_SHA512: Self = Self::new(Curve::P384, Hash::Sha512);
    pub(super) const P521_SHA384: Self = Self::new(Curve::P521, Hash::Sha384);
    pub(super) const P521_SHA512: Self = Self::new(Curve::P521, Hash::Sha512);

    const fn new(curve: Curve, hash: Hash) -> Self {
        Self { curve, hash }
    }
}

impl SignatureVerificationAlgorithm for Ecdsa {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let digest = match self.hash {
            Hash::Sha384 => Sha384::digest(message).to_vec(),
            Hash::Sha512 => Sha512::digest(message).to_vec(),
        };
        match self.curve {
            Curve::P256 => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(public_key);
                let signature = p256::ecdsa::Signature::from_der(signature);
                verify(key, &digest, signature)
            }
            Curve::P384 => {
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(public_key);
                let signature = p384::ecdsa::Signature::from_der(signature);
                verify(key, &digest, signature)
            }
            Curve::P521 => {
                let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(public_key);
                let signature = p521::ecdsa::Signature::from_der(signature);
                verify(key, &digest, signature)
            }
        }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self.curve {
            Curve::P256 => alg_id::ECDSA_P256,
            Curve::P384 => alg_id::ECDSA_P384,
            Curve::P521 => alg_id::ECDSA_P521,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self.hash {
            Hash::Sha384 => alg_id::ECDSA_SHA384,
            Hash::Sha512 => alg_id::ECDSA_SHA512,
        }
    }
}

fn verify<K: PrehashVerifier<S>, S, E, F>(
    key: Result<K, E>,
    digest: &[u8],
    signature: Result<S, F>,
) -> Result<(), InvalidSignature> {
    let (Ok(key), Ok(signature)) = (key, signature) else {
        return Err(InvalidSignature);
    };
    key.verify_prehash(digest, &signature)
        .map_err(|_| InvalidSignature)
}
