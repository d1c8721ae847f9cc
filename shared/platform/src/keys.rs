//! Keys and the signed layout, made by `assay keys init` and read from `secrets/`.

pub mod files;

use std::{fs, io, path::Path};

use assay_attest::{SigningKey, Trust};

/// What can go wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file is missing, cannot be written, is open to others, or holds something else.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Where keys live, by configuration.
#[derive(Debug)]
pub enum Keys {
    /// PEM files (PKCS #8, mode 0600) in one folder.
    Files(files::KeyFiles),
}

impl Keys {
    /// Makes owner, API, worker and platform keys, the layout and `trust.json` in `dir`.
    ///
    /// # Errors
    /// [`KeyError::File`], also when `dir` holds keys already.
    pub fn init(dir: &Path) -> Result<Self, KeyError> {
        files::KeyFiles::init(dir).map(Self::Files)
    }

    /// Signs a new layout for the same functionaries, ten years from now. Bundles that carry an older one stay valid.
    ///
    /// # Errors
    /// [`KeyError::File`], also when the owner's key has been taken away.
    pub fn reissue_layout(dir: &Path) -> Result<(), KeyError> {
        files::KeyFiles::reissue_layout(dir)
    }

    /// Reads the keys that the services need. The owner's is not among them.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn open(dir: &Path) -> Result<Self, KeyError> {
        files::KeyFiles::open(dir).map(Self::Files)
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

    /// The secret that download links are signed with.
    pub fn url_secret(&self) -> [u8; 32] {
        match self {
            Self::Files(keys) => keys.url_secret,
        }
    }
}

/// Writes what verifiers pin: `owner.pub`, `platform.pub` and `trust.json`, into a folder that is made when absent.
///
/// # Errors
/// [`KeyError::File`].
pub fn write_trust(trust: &Trust, dir: &Path) -> Result<(), KeyError> {
    let json = trust
        .to_json()
        .map_err(|error| failed(&dir.join("trust.json"), error))?;
    fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    for (name, text) in [
        ("owner.pub", trust.owner.to_pem()),
        ("platform.pub", trust.platform.to_pem()),
        ("trust.json", json.as_str()),
    ] {
        let path = dir.join(name);
        replace(&path, text.as_bytes(), 0o644).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

fn failed(path: &Path, reason: impl ToString) -> KeyError {
    KeyError::File {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// Writes a file whole or not at all: beside, then in place.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let _left_over = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
