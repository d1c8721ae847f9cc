//! Keys and the signed layouts, made by `assay keys init`: in a folder, or with the private keys in a transit engine.

mod config;
pub mod files;
mod held;
mod place;
mod role;
mod set;
mod vault;

use std::path::Path;

use assay_attest::{KeyId, PublicKey, SignerError, SigningKey, Trust};
use time::Duration;

use crate::Service;

pub use config::{KeysConfig, KeysKind, VaultConfig};
pub use files::Rotated;
pub use held::HeldKey;
pub use place::Place;
pub use role::{FIRST, Role};
pub use set::KeySet;
pub use vault::{Engine, Grant};

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
    /// The engine does not do what it was asked.
    #[error("{place}: {reason}")]
    Engine {
        /// The key or the setting.
        place: String,
        /// What is wrong, and what to do.
        reason: String,
        /// Whether the same may work later without anybody's doing.
        passing: bool,
    },
    /// A key in an engine did not sign.
    #[error(transparent)]
    Signing(#[from] SignerError),
}

impl KeyError {
    /// The thread that waited for keys ended before they came.
    pub(crate) fn stopped(error: &tokio::task::JoinError) -> Self {
        Self::Engine {
            place: "keys".to_owned(),
            reason: format!("the wait for them was broken off: {error}"),
            passing: true,
        }
    }

    /// Whether the same may work later without anybody's doing: the engine is away or only starting.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Engine { passing, .. } => *passing,
            Self::Signing(error) => error.passing,
            _ => false,
        }
    }
}

impl From<assay_attest::KeyError> for KeyError {
    fn from(error: assay_attest::KeyError) -> Self {
        match error {
            assay_attest::KeyError::Signer(error) => Self::Signing(error),
            other => Self::Signing(SignerError::lasting(other.to_string())),
        }
    }
}

/// The keys of a service, by where they are.
#[derive(Debug)]
pub enum Keys {
    /// In PEM files (PKCS #8, mode 0600) in one folder.
    Files(KeySet),
    /// In a transit engine of `OpenBao` or `HashiCorp` Vault. What signs with them waits for the server's answer: see
    /// [`Keys::signing`].
    Vault(KeySet, Engine),
}

/// Every method that fails does so with [`KeyError`], which names the file and says what would be right. A place is a
/// folder of files, or an engine and a folder for what is public; then a call waits for the server's answers.
impl Keys {
    /// Makes owner, api, worker and platform keys, `layout.json` and `trust.json`. Refuses a folder that has some already.
    pub fn init(place: impl Into<Place>) -> Result<Self, KeyError> {
        Self::init_with(place, 1, false)
    }

    /// As [`Keys::init`], with so many workers' keys (at least one), and with a scanner's key and `layout-scan.json` if
    /// `scan` is set.
    pub fn init_with(place: impl Into<Place>, workers: u32, scan: bool) -> Result<Self, KeyError> {
        let place = place.into();
        files::init(&place, workers, scan)?;
        Self::open(place)
    }

    /// Whether the folder holds any of the files that [`Keys::init`] makes.
    pub fn exist(dir: &Path) -> bool {
        files::exist(dir)
    }

    /// Signs new layouts (same functionaries, ten years from now) with the owner's key; bundles that carry an old one
    /// stay valid.
    pub fn reissue_layout(place: impl Into<Place>) -> Result<(), KeyError> {
        files::reissue_layout(&place.into())
    }

    /// Makes one more key, and signs new layouts that name it with the owner's key; gives the public half.
    pub fn add(place: impl Into<Place>, role: Role, name: &str) -> Result<PublicKey, KeyError> {
        files::add(&place.into(), role, name)
    }

    /// Replaces a key, with the owner's key at hand: a new one signs from now on, the old one may for `overlap` yet. Gives
    /// the new one's public half.
    pub fn rotate(
        place: impl Into<Place>,
        what: Rotated<'_>,
        overlap: Duration,
    ) -> Result<PublicKey, KeyError> {
        files::rotate(&place.into(), what, overlap)
    }

    /// Signs a trust file, with the owner's key at hand, that says that nothing of this key is to be believed.
    pub fn revoke(place: impl Into<Place>, keyid: KeyId, reason: &str) -> Result<(), KeyError> {
        files::revoke(&place.into(), keyid, reason)
    }

    /// Writes what one machine needs to a new folder `to`: the key of that name (as the folder's first), the platform's
    /// key if it is a worker, the layouts and `trust.json`. Never the owner's key. Keys in an engine stay there.
    pub fn export(
        place: impl Into<Place>,
        role: Role,
        name: &str,
        to: &Path,
    ) -> Result<(), KeyError> {
        files::export(&place.into(), role, name, to)
    }

    /// Reads the first key of each kind (not the owner's), as everything in one process needs them.
    pub fn open(place: impl Into<Place>) -> Result<Self, KeyError> {
        Self::open_for(place, Service::All, FIRST)
    }

    /// Reads the keys that a service needs and no others, its own by its name, and checks that they are those that the
    /// layout names.
    pub fn open_for(
        place: impl Into<Place>,
        service: Service,
        name: &str,
    ) -> Result<Self, KeyError> {
        let place = place.into();
        let set = KeySet::open(&place, service, name)?;
        Ok(match place {
            Place::Files(_) => Self::Files(set),
            Place::Vault { engine, .. } => Self::Vault(set, engine),
        })
    }

    fn set(&self) -> &KeySet {
        match self {
            Self::Files(set) | Self::Vault(set, _) => set,
        }
    }

    /// Does work that signs: here, or on a thread that may wait if the keys are in an engine.
    ///
    /// # Errors
    /// [`KeyError::Engine`] when the thread ended before the work.
    pub async fn signing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, KeyError> {
        match self {
            Self::Files(_) => Ok(work()),
            Self::Vault(..) => {
                let ended = tokio::task::spawn_blocking(work).await;
                ended.map_err(|error| KeyError::stopped(&error))
            }
        }
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
        let key = self.set().api.as_ref();
        key.ok_or(KeyError::NotHeld("API"))
    }

    /// Functionary of `run_training`.
    pub fn worker(&self) -> Result<&SigningKey, KeyError> {
        let key = self.set().worker.as_ref();
        key.ok_or(KeyError::NotHeld("worker"))
    }

    /// Functionary of `scan_image`.
    pub fn scanner(&self) -> Result<&SigningKey, KeyError> {
        let key = self.set().scanner.as_ref();
        key.ok_or(KeyError::NotHeld("scanner"))
    }

    /// Signs AIBoMs.
    pub fn platform(&self) -> Result<&SigningKey, KeyError> {
        let key = self.set().platform.as_ref();
        key.ok_or(KeyError::NotHeld("platform"))
    }

    /// Public keys and the layouts in force.
    pub fn trust(&self) -> &Trust {
        &self.set().trust
    }

    /// The signed layout's file, byte for byte.
    pub fn layout(&self) -> &[u8] {
        &self.set().layout
    }

    /// The file of the signed layout with a step `scan_image`, byte for byte; `None` where no scanner has a key.
    pub fn layout_with_scan(&self) -> Option<&[u8]> {
        self.set().layout_scan.as_deref()
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

#[cfg(test)]
mod tests;
