//! Keys and the signed layout, made by `assay keys init` and read from `secrets/`.

use std::path::Path;

use assay_attest::{SigningKey, Trust};

/// What can go wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file is missing, unreadable, readable by others, or holds no P-256 key.
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
}

/// Where keys live, by configuration.
#[derive(Debug)]
pub enum Keys {
    /// PEM files (PKCS #8, mode 0600) in one folder.
    Files(files::KeyFiles),
}

pub mod files;

#[allow(unused_variables)]
impl Keys {
    /// Makes owner, api, worker and platform keys, `layout.json` and `trust.json` in `dir`. Refuses a folder that has some already.
    pub fn init(dir: &Path) -> Result<Self, KeyError> { todo!() }
    /// Signs a new layout (same functionaries, ten years from now) with the owner's key; bundles that carry the old one stay valid.
    pub fn reissue_layout(dir: &Path) -> Result<(), KeyError> { todo!() }
    /// Reads the keys that the services need (not the owner's).
    pub fn open(dir: &Path) -> Result<Self, KeyError> { todo!() }
    /// Functionary of `ingest`.
    pub fn api(&self) -> &SigningKey { todo!() }
    /// Functionary of `run_training`.
    pub fn worker(&self) -> &SigningKey { todo!() }
    /// Signs AIBoMs.
    pub fn platform(&self) -> &SigningKey { todo!() }
    /// Public keys and the layout in force.
    pub fn trust(&self) -> &Trust { todo!() }
    /// The signed layout's file, byte for byte.
    pub fn layout(&self) -> &[u8] { todo!() }
}
