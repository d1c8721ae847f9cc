//! OpenSSF Model Signing v1.0: one signature over every file of a model, as the Python package `model_signing` 1.1.1
//! writes and verifies it (methods `key` and `certificate`, serialization `files`).
//!
//! A [`Manifest`] says which files there are and what their digests are. [`folder`] makes one from a folder; digests
//! that are known already can be put into one by hand. [`Manifest::sign`] gives the signature file, [`verify`] gives
//! the signed manifest back, and [`Manifest::differences`] compares it with what was found.

pub mod folder;
mod manifest;
mod path;
mod statement;

pub use manifest::{Difference, HashKind, Manifest};
pub use path::ResourcePath;
pub use statement::PREDICATE_TYPE;

use serde_json::Value;

use crate::{
    ArtifactPath, Digest, PublicKey, Role,
    sigstore::{Bundle, BundleError, EcPublicKey, Material, SignedBy, Signer, Verifier},
};

/// Bytes of a signature file at most: of a model of some hundred thousand files.
pub const MAX_SIGNATURE_BYTES: u64 = 128 << 20;

/// What can go wrong with model signatures.
#[derive(Debug, thiserror::Error)]
pub enum ModelSigningError {
    /// The bundle around the statement.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The statement is signed, but is no model signature that is read here.
    #[error("the signed statement is no model signature: {0}")]
    Statement(String),
    /// A name that no file of a model may have.
    #[error("{name:?} cannot be a file of a signed model: {reason}")]
    Name {
        /// The name, shortened.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// There is nothing to sign.
    #[error("there is no file to sign")]
    Empty,
    /// Something in the folder that is neither a file nor a folder.
    #[error("{path} is {what}")]
    Kind {
        /// Where.
        path: String,
        /// What it is, and what to do.
        what: &'static str,
    },
    /// The file system.
    #[error("{path}: {error}")]
    Io {
        /// Where.
        path: String,
        /// What it said.
        error: std::io::Error,
    },
}

/// A model signature that fits a pinned key or root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was signed. The files have still to be compared with it.
    pub manifest: Manifest,
    /// Who signed.
    pub signed_by: SignedBy,
}

impl Manifest {
    /// Signs; gives the signature's file.
    ///
    /// # Errors
    /// [`ModelSigningError::Empty`], [`ModelSigningError::Bundle`].
    pub fn sign(&self, signer: &Signer<'_>) -> Result<Vec<u8>, ModelSigningError> {
        if self.resources.is_empty() {
            return Err(ModelSigningError::Empty);
        }
        Ok(signer.sign(statement::write(self))?)
    }

    /// The manifest of a job's outputs, as its model signature covers them: the files of `<unique_dir>/outputs`.
    /// Other artifacts are passed over.
    pub fn of_outputs<'a>(artifacts: impl IntoIterator<Item = (&'a str, Digest)>) -> Self {
        let mut name = "";
        let mut files = Vec::new();
        for (path, digest) in artifacts {
            let parsed = ArtifactPath::parse(path)
                .ok()
                .filter(|path| path.role == Role::Output);
            if let Some((path, file)) =
                parsed.and_then(|path| Some((path, ResourcePath::new(path.file).ok()?)))
            {
                name = path.unique_dir;
                files.push((file, digest));
            }
        }
        Self::of(name, files)
    }

    /// What is signed: an in-toto Statement of the type [`PREDICATE_TYPE`].
    pub fn statement(&self) -> Value {
        statement::value(self)
    }

    /// Verifies that a signature file is over exactly this manifest, by this key, in the one form in which it is
    /// written here: canonical JSON, low s.
    ///
    /// # Errors
    /// [`ModelSigningError::Bundle`], [`ModelSigningError::Statement`].
    pub fn verify_own(&self, signature: &[u8], key: &PublicKey) -> Result<(), ModelSigningError> {
        let bundle = Bundle::parse_own(signature)?;
        let hint = EcPublicKey::try_from(key)?.hint();
        if bundle.material != Material::Key(Some(hint)) {
            return Err(BundleError::Mismatch.into());
        }
        key.verify_der(&bundle.signed_bytes(), &bundle.signature)
            .map_err(|_| BundleError::Mismatch)?;
        if bundle.payload == statement::write(self) {
            Ok(())
        } else {
            let wrong = "it is not over the outputs of this job and nothing else";
            Err(ModelSigningError::Statement(wrong.to_owned()))
        }
    }
}

/// Verifies a signature file of any implementation with what is pinned. No file of the model is looked at.
///
/// # Errors
/// [`ModelSigningError::Bundle`], [`ModelSigningError::Statement`], [`ModelSigningError::Name`].
pub fn verify(signature: &[u8], verifier: &Verifier) -> Result<Verified, ModelSigningError> {
    let bundle = Bundle::parse(signature)?;
    let signed_by = verifier.verify(&bundle)?;
    Ok(Verified {
        manifest: statement::read(&bundle.payload)?,
        signed_by,
    })
}

#[cfg(test)]
mod tests;
