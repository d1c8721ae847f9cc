//! Where a private key is, and what can keep one that is elsewhere from signing.

use std::{error::Error, sync::Arc};

use p256::ecdsa::{self, signature::Signer as _};

use super::KeyError;
use crate::{
    Digest, TrustError, aibom::BomError, intoto::MetadataError, model_signing::ModelSigningError,
    sigstore::BundleError, statement::StatementError,
};

type SignDigest = dyn Fn(Digest) -> Result<Vec<u8>, SignerError> + Send + Sync;

/// Where a private key is.
#[derive(Clone)]
pub(super) enum Secret {
    /// In this process.
    Here(ecdsa::SigningKey),
    /// Behind something that signs a digest, in DER.
    Elsewhere(Arc<SignDigest>),
}

impl Secret {
    pub(super) fn here(&self) -> Result<&ecdsa::SigningKey, SignerError> {
        match self {
            Self::Here(secret) => Ok(secret),
            Self::Elsewhere(_) => Err(SignerError::lasting(
                "the private key does not leave the place where it is".to_owned(),
            )),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<ecdsa::Signature, SignerError> {
        match self {
            Self::Here(secret) => Ok(secret.sign(message)),
            Self::Elsewhere(sign) => ecdsa::Signature::from_der(&sign(Digest::of(message))?)
                .map_err(|_| {
                    SignerError::lasting("what was given as a signature is none".to_owned())
                }),
        }
    }
}

/// Why a private key that is not in this process did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SignerError {
    /// What went wrong, and what to do.
    pub reason: String,
    /// Whether the same may work later without anybody's doing.
    pub passing: bool,
}

impl SignerError {
    /// Trouble that somebody has to do something about.
    pub fn lasting(reason: String) -> Self {
        Self {
            reason,
            passing: false,
        }
    }

    /// The trouble with a key elsewhere that an error of this crate tells of; `None` for any other error.
    pub fn of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let key = if let Some(MetadataError::Key(key)) = error.downcast_ref() {
            key
        } else if let Some(BomError::Key(key)) = error.downcast_ref() {
            key
        } else if let Some(StatementError::Key(key)) = error.downcast_ref() {
            key
        } else if let Some(TrustError::Signature(key)) = error.downcast_ref() {
            key
        } else if let Some(BundleError::Signing(key)) = error.downcast_ref() {
            key
        } else if let Some(ModelSigningError::Bundle(BundleError::Signing(key))) =
            error.downcast_ref()
        {
            key
        } else {
            error.downcast_ref()?
        };
        match key {
            KeyError::Signer(found) => Some(found),
            _ => None,
        }
    }
}
