//! Where private keys are made, kept and found: files in the folder, or an engine beside it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_attest::{PublicKey, SigningKey};

use super::{
    Engine, KeyError,
    files::{
        OWNER,
        folder::{self, Access, file_error, read_secret},
    },
};

/// Where private keys are. The layouts and `trust.json` lie in a folder either way.
#[derive(Debug, Clone)]
pub enum Place {
    /// PEM files (PKCS #8, mode 0600) in this folder.
    Files(PathBuf),
    /// The transit engine of an `OpenBao` or `HashiCorp` Vault server.
    Vault {
        /// The folder.
        dir: PathBuf,
        /// The engine.
        engine: Engine,
        /// Whether the owner's key is to be made as a file in the folder all the same. One that lies there is used in any
        /// case.
        owner_file: bool,
    },
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Place {
    fn from(dir: &P) -> Self {
        Self::Files(dir.as_ref().to_owned())
    }
}

impl Place {
    /// The folder of the layouts and `trust.json`.
    pub fn dir(&self) -> &Path {
        match self {
            Self::Files(dir) | Self::Vault { dir, .. } => dir,
        }
    }

    /// The engine, for keys that are in one.
    pub fn engine(&self) -> Option<&Engine> {
        match self {
            Self::Files(_) => None,
            Self::Vault { engine, .. } => Some(engine),
        }
    }

    /// The engine that has the key of this file's name; `None` for one that is a file.
    fn engine_of(&self, file: &str) -> Option<&Engine> {
        match self {
            Self::Vault {
                engine,
                owner_file,
                dir,
            } if file != OWNER || !(*owner_file || is_there(&dir.join(OWNER))) => Some(engine),
            _ => None,
        }
    }

    /// What people know the key by: its file, or its name in the engine.
    pub(super) fn name(&self, file: &str) -> String {
        match self.engine_of(file) {
            Some(engine) => engine.place_of(file),
            None => self.dir().join(file).display().to_string(),
        }
    }

    /// An error about a key.
    pub(super) fn error(&self, file: &str, reason: String) -> KeyError {
        KeyError::File {
            path: self.name(file),
            reason,
        }
    }

    /// Refuses to make a key whose name is taken in the engine. Files are looked at when they are written.
    pub(super) fn must_be_free(&self, file: &str) -> Result<(), KeyError> {
        match self.engine_of(file) {
            Some(engine) if engine.versions(file)?.is_some() => {
                let reason = "exists; keys are never replaced. Choose another prefix or name";
                Err(self.error(file, reason.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// A new key: in the engine at once, as a file only when it is kept.
    pub(super) fn make(&self, file: &str) -> Result<SigningKey, KeyError> {
        match self.engine_of(file) {
            Some(engine) => engine.make(file),
            None => Ok(SigningKey::generate()),
        }
    }

    /// Keeps a key that [`Place::make`] gave.
    pub(super) fn keep(&self, file: &str, key: &SigningKey) -> Result<(), KeyError> {
        match self.engine_of(file) {
            Some(_) => Ok(()),
            None => write(&self.dir().join(file), key),
        }
    }

    /// The key that is to take another's place: a new version of the engine's key, or a new key.
    pub(super) fn successor(&self, file: &str) -> Result<SigningKey, KeyError> {
        match self.engine_of(file) {
            Some(engine) => engine.successor(file),
            None => Ok(SigningKey::generate()),
        }
    }

    /// Puts a file's new key in the place of the old one, which is kept beside it if it is there. In an engine both are
    /// there already.
    pub(super) fn replace(
        &self,
        file: &str,
        old: &PublicKey,
        new: &SigningKey,
    ) -> Result<(), KeyError> {
        if self.engine_of(file).is_some() {
            return Ok(());
        }
        let path = self.dir().join(file);
        if path.exists() {
            let kept = path.with_extension(format!("former-{}.pem", old.keyid().short()));
            fs::rename(&path, kept).map_err(file_error(&path))?;
        }
        write(&path, new)
    }

    /// The key, if it is one that is asked for: of an engine's versions the newest that is.
    pub(super) fn find(
        &self,
        file: &str,
        wanted: impl Fn(&PublicKey) -> bool,
    ) -> Result<Option<SigningKey>, KeyError> {
        if let Some(engine) = self.engine_of(file) {
            return engine.find(file, wanted);
        }
        let path = self.dir().join(file);
        let key = SigningKey::from_pkcs8_pem(&read_secret(&path)?).map_err(file_error(&path))?;
        Ok(wanted(key.public()).then_some(key))
    }
}

fn write(path: &Path, key: &SigningKey) -> Result<(), KeyError> {
    let pem = key.to_pkcs8_pem().map_err(file_error(path))?;
    folder::create(path, pem.as_bytes(), Access::Owner)
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
