//! Sigstore bundles, version 0.3, around one signed statement: written with P-256 keys, read with P-256, P-384 and
//! P-521 ones, by key or by certificate.
//!
//! The statement lies in a DSSE envelope. What it says is nobody's business here: see [`crate::model_signing`] and
//! [`crate::safetensors`].

mod bundle;
mod certificate;
mod ecdsa;
mod envelope;
mod key;
mod signer;
mod subject;

pub use bundle::{BUNDLE_MEDIA_TYPE, Bundle, Material};
pub use certificate::{Roots, certificates_from_pem};
pub use envelope::{IN_TOTO_PAYLOAD, pae};
pub use key::EcPublicKey;
pub use signer::{SignedBy, Signer, Verifier};
pub use subject::Subject;

/// Why a bundle was not accepted, or could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not JSON, or more of it than is read.
    #[error("the signature file is not readable: {0}")]
    Json(#[from] crate::json::JsonError),
    /// JSON, but not a bundle of the one accepted kind.
    #[error("not a sigstore bundle v0.3 with one DSSE signature over an in-toto statement: {0}")]
    Shape(String),
    /// The key's text is none, or of a curve that is not used.
    #[error("{0}; expected an ECDSA key on P-256, P-384 or P-521 (-----BEGIN PUBLIC KEY-----)")]
    Key(String),
    /// The bundle says that another key signed it.
    #[error("signed by another key: the bundle names the key {named}, the one given is {given}")]
    OtherKey {
        /// Start of the hint in the bundle.
        named: String,
        /// Start of the given key's.
        given: String,
    },
    /// The signature does not fit.
    #[error("the signature does not fit the signed bytes and the key")]
    Mismatch,
    /// A key was given, but the bundle has a certificate; or the other way round.
    #[error("the bundle carries {carries}; verify it with {with}")]
    OtherMethod {
        /// What it carries.
        carries: &'static str,
        /// What it has to be verified with.
        with: &'static str,
    },
    /// Somebody else signed than was asked for, or it cannot be told who.
    #[error("{0}")]
    Identity(String),
    /// The key did not sign.
    #[error(transparent)]
    Signing(#[from] crate::KeyError),
    /// The certificate is malformed, leads to no pinned root, or may not sign.
    #[error("certificate: {0}")]
    Certificate(String),
}
