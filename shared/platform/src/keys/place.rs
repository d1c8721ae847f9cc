//! Where private keys are made, kept and found: files in the folder, or an engine beside it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_attest::{PublicKey, SigningKey, Trust};

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

    /// Writes a new key beside the one whose place it takes when `trust.json` names it: see [`Place::promote`]. In an
    /// engine it is there already.
    pub(super) fn prepare(&self, file: &str, new: &SigningKey) -> Result<(), KeyError> {
        match self.engine_of(file) {
            Some(_) => Ok(()),
            None => write(&next_of(&self.dir().join(file)), new),
        }
    }

    /// Gives each key that waits beside another its name, if `trust` names the key, and keeps the old one under another
    /// name. One that `trust` does not name is of a change that was broken off before it counted, and goes.
    pub(super) fn promote(&self, trust: &Trust) -> Result<(), KeyError> {
        let dir = self.dir();
        for entry in fs::read_dir(dir).map_err(file_error(dir))? {
            let next = entry.map_err(file_error(dir))?.path();
            let Some(path) = awaited_by(&next) else {
                continue;
            };
            let key = read(&next)?;
            if !names(trust, key.public()) {
                fs::remove_file(&next).map_err(file_error(&next))?;
                continue;
            }
            if is_there(&path) {
                let old = read(&path)?;
                let kept = path.with_extension(format!("former-{}.pem", old.keyid().short()));
                // Made by an earlier try, it is the same key.
                if !is_there(&kept) {
                    fs::hard_link(&path, &kept).map_err(file_error(&kept))?;
                }
            }
            fs::rename(&next, &path).map_err(file_error(&path))?;
        }
        folder::sync(dir).map_err(file_error(dir))
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
        let key = read(&self.dir().join(file))?;
        Ok(wanted(key.public()).then_some(key))
    }
}

fn write(path: &Path, key: &SigningKey) -> Result<(), KeyError> {
    let pem = key.to_pkcs8_pem().map_err(file_error(path))?;
    folder::create(path, pem.as_bytes(), Access::Owner)
}

fn read(path: &Path) -> Result<SigningKey, KeyError> {
    SigningKey::from_pkcs8_pem(&read_secret(path)?).map_err(file_error(path))
}

/// `worker.next.pem` of `worker.pem`.
fn next_of(path: &Path) -> PathBuf {
    path.with_extension("next.pem")
}

/// The other way round; `None` for other files.
fn awaited_by(path: &Path) -> Option<PathBuf> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".next.pem")?;
    Some(path.with_file_name(format!("{stem}.pem")))
}

/// Whether somebody may sign with the key, now or for a while yet.
fn names(trust: &Trust, key: &PublicKey) -> bool {
    let functionaries = trust.functionaries.iter().map(|one| &one.key);
    let all = [&trust.owner, &trust.platform].into_iter();
    all.chain(functionaries).any(|one| one == key)
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
