//! Keys and the signed layouts, made by `assay keys init` and read from a folder.

mod config;
pub mod files;
mod held;
mod role;

use std::path::Path;

use assay_attest::{PublicKey, SigningKey, Trust};

use crate::Service;

pub use config::KeysConfig;
pub use held::HeldKey;
pub use role::{FIRST, Role};

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
    /// A key that this service does not hold.
    #[error(
        "this service holds no key of the {0}; `assay keys export` writes what a service needs"
    )]
    NotHeld(&'static str),
    /// Proofs are to have a scan of the image, and no layout asks for one.
    #[error(
        "scan.required is set, but there is no layout with a step scan_image; `assay keys add scanner 1` makes a \
         scanner's key and signs one"
    )]
    NoScanLayout,
    /// A name that no key can have.
    #[error(
        "{0:?} is no name of a key; expected 1 to 40 lower-case letters, digits and hyphens, as in gpu-2"
    )]
    Name(String),
}

/// Where keys live, by configuration.
#[derive(Debug)]
pub enum Keys {
    /// PEM files (PKCS #8, mode 0600) in one folder.
    Files(files::KeyFiles),
}

/// Every method that fails does so with [`KeyError`], which names the file and says what would be right.
impl Keys {
    /// Makes owner, api, worker and platform keys, `layout.json` and `trust.json` in `dir`. Refuses a folder that has
    /// some already.
    pub fn init(dir: &Path) -> Result<Self, KeyError> {
        Self::init_with(dir, 1, false)
    }

    /// As [`Keys::init`], with so many workers' keys (at least one), and with a scanner's key and `layout-scan.json` if
    /// `scan` is set.
    pub fn init_with(dir: &Path, workers: u32, scan: bool) -> Result<Self, KeyError> {
        files::init(dir, workers, scan)?;
        Self::open(dir)
    }

    /// Whether the folder holds any of the files that [`Keys::init`] makes.
    pub fn exist(dir: &Path) -> bool {
        files::exist(dir)
    }

    /// Signs new layouts (same functionaries, ten years from now) with the owner's key; bundles that carry an old one
    /// stay valid.
    pub fn reissue_layout(dir: &Path) -> Result<(), KeyError> {
        files::reissue_layout(dir)
    }

    /// Makes one more key, and signs new layouts that name it with the owner's key; gives the public half.
    pub fn add(dir: &Path, role: Role, name: &str) -> Result<PublicKey, KeyError> {
        files::add(dir, role, name)
    }

    /// Writes what one machine needs to a new folder `to`: the key of that name (as the folder's first), the platform's
    /// key if it is a worker, the layouts and `trust.json`. Never the owner's key.
    pub fn export(dir: &Path, role: Role, name: &str, to: &Path) -> Result<(), KeyError> {
        files::export(dir, role, name, to)
    }

    /// Reads the first key of each kind (not the owner's), as everything in one process needs them.
    pub fn open(dir: &Path) -> Result<Self, KeyError> {
        Self::open_for(dir, Service::All, FIRST)
    }

    /// Reads the keys that a service needs and no others, its own by its name, and checks that they are those that the
    /// layout names.
    pub fn open_for(dir: &Path, service: Service, name: &str) -> Result<Self, KeyError> {
        Ok(Self::Files(files::KeyFiles::open(dir, service, name)?))
    }

    /// The file of the signed layout for new jobs: with a step `scan_image` if `scan` is set.
    pub fn layout_for(&self, scan: bool) -> Result<&[u8], KeyError> {
        if scan {
            self.layout_with_scan().ok_or(KeyError::NoScanLayout)
        } else {
            Ok(self.layout())
        }
    }

    /// Functionary of `ingest`.
    pub fn api(&self) -> Result<&SigningKey, KeyError> {
        match self {
            Self::Files(keys) => keys.api.as_ref().ok_or(KeyError::NotHeld("API")),
        }
    }

    /// Functionary of `run_training`.
    pub fn worker(&self) -> Result<&SigningKey, KeyError> {
        match self {
            Self::Files(keys) => keys.worker.as_ref().ok_or(KeyError::NotHeld("worker")),
        }
    }

    /// Functionary of `scan_image`.
    pub fn scanner(&self) -> Result<&SigningKey, KeyError> {
        match self {
            Self::Files(keys) => keys.scanner.as_ref().ok_or(KeyError::NotHeld("scanner")),
        }
    }

    /// Signs AIBoMs.
    pub fn platform(&self) -> Result<&SigningKey, KeyError> {
        match self {
            Self::Files(keys) => keys.platform.as_ref().ok_or(KeyError::NotHeld("platform")),
        }
    }

    /// Public keys and the layouts in force.
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

    /// The file of the signed layout with a step `scan_image`, byte for byte; `None` where no scanner has a key.
    pub fn layout_with_scan(&self) -> Option<&[u8]> {
        match self {
            Self::Files(keys) => keys.layout_scan.as_deref(),
        }
    }
}

/// Reads the trust anchor in a folder of keys; needs no private key.
///
/// # Errors
/// [`KeyError`] when the file cannot be read.
pub fn read_trust(dir: &Path) -> Result<Trust, KeyError> {
    files::read_trust(dir)
}

/// Writes the trust anchor for verifiers: `owner.pub`, `platform.pub` (PEM) and `trust.json`. The folder is made when
/// absent; older files there are replaced.
///
/// # Errors
/// [`KeyError`] when a file cannot be written.
pub fn write_trust(trust: &Trust, dir: &Path) -> Result<(), KeyError> {
    files::write_trust(trust, dir)
}
