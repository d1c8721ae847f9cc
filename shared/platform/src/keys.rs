//! Keys and the signed layout, made by `assay keys init` and read from `secrets/`.

mod config;
pub mod files;

use std::path::Path;

use assay_attest::{SigningKey, Trust};

pub use config::KeysConfig;

/// What can go wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file is missing, unreadable, readable by others, or holds no P-256 key.
    #[error("{path}: {reason}")]
    File {
        /// The file or folder.
        path: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
}

/// Where keys live, by configuration.
#[derive(Debug)]
pub enum Keys {
    /// PEM files (PKCS #8, mode 0600) in one folder.
    Files(files::KeyFiles),
}

/// Every method that fails does so with [`KeyError::File`], which names the file and says what would be right.
impl Keys {
    /// Makes owner, api, worker and platform keys, `layout.json` and `trust.json` in `dir`. Refuses a folder that has
    /// some already.
    pub fn init(dir: &Path) -> Result<Self, KeyError> {
        files::init(dir)?;
        Self::open(dir)
    }

    /// Whether the folder holds any of the files that [`Keys::init`] makes.
    pub fn exist(dir: &Path) -> bool {
        files::exist(dir)
    }

    /// Signs a new layout (same functionaries, ten years from now) with the owner's key; bundles that carry the old one
    /// stay valid.
    pub fn reissue_layout(dir: &Path) -> Result<(), KeyError> {
        files::reissue_layout(dir)
    }

    /// Reads the keys that the services need (not the owner's), and checks that they are those that the layout names.
    pub fn open(dir: &Path) -> Result<Self, KeyError> {
        Ok(Self::Files(files::KeyFiles::open(dir)?))
    }

    /// Functionary of `ingest`.
    pub fn api(&self) -> &SigningKey {
        match self {
            Self::Files(keys) => &keys.api,
        }
    }

    /// Functionary of `run_training`.
    pub fn worker(&self) -> &SigningKey {
        match self {
            Self::Files(keys) => &keys.worker,
        }
    }

    /// Signs AIBoMs.
    pub fn platform(&self) -> &SigningKey {
        match self {
            Self::Files(keys) => &keys.platform,
        }
    }

    /// Public keys and the layout in force.
    pub fn trust(&self) -> &Trust {
        match self {
            Self::Files(keys) => &keys.trust,
        }
    }

    /// The signed layout's file, byte for byte.
    pub fn layout(&self) -> &[u8] {
        match self {
            Self::Files(keys) => &keys.layout,
        }
    }
}

/// Writes the trust anchor for verifiers: `owner.pub`, `platform.pub` (PEM) and `trust.json`. The folder is made when
/// absent; older files there are replaced.
///
/// # Errors
/// [`KeyError`] when a file cannot be written.
pub fn write_trust(trust: &Trust, dir: &Path) -> Result<(), KeyError> {
    files::write_trust(trust, dir)
}
