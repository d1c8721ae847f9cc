use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{Engine, KeyError, Place};
use crate::config::seconds;

/// The `[keys]` part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Where private keys are.
    pub kind: KeysKind,
    /// Folder of the layouts and `trust.json`, and of the keys if they are files; empty for `secrets` in the platform's
    /// folder.
    pub dir: PathBuf,
    /// Which of the keys of its kind a service signs with; [`super::FIRST`] unless set.
    pub name: String,
    /// The engine, for keys that are in one.
    pub vault: VaultConfig,
}

/// Where private keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeysKind {
    /// PEM files in the folder.
    Files,
    /// The transit engine of an `OpenBao` or `HashiCorp` Vault server.
    Vault,
}

/// The `[keys.vault]` part of the configuration: a transit engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// The server: `https://…`, or `http://…` on loopback.
    pub address: String,
    /// Where the transit engine is mounted.
    pub mount: String,
    /// What the names of the keys begin with.
    pub prefix: String,
    /// File of the token; read anew for each request, so that an agent may replace it.
    pub token_file: PathBuf,
    /// Namespace of the engine; empty for none.
    pub namespace: String,
    /// Certificates (PEM) of authorities to trust beside those of this machine; empty for none.
    pub ca_file: PathBuf,
    /// How long a signature is asked for while the server is away.
    #[serde(rename = "patience_seconds", deserialize_with = "seconds")]
    pub patience: Duration,
}

impl KeysConfig {
    /// The folder, for a platform that keeps its data in `data`.
    pub fn dir(&self, data: &Path) -> PathBuf {
        if self.dir.as_os_str().is_empty() {
            data.join("secrets")
        } else {
            self.dir.clone()
        }
    }

    /// Where the keys are, for a platform that keeps its data in `data`. Asks no server.
    ///
    /// # Errors
    /// [`KeyError::Engine`] for settings of an engine that cannot be meant.
    pub fn place(&self, data: &Path) -> Result<Place, KeyError> {
        let dir = self.dir(data);
        Ok(match self.kind {
            KeysKind::Files => Place::Files(dir),
            KeysKind::Vault => Place::Vault {
                dir,
                engine: Engine::open(self.vault.clone())?,
                owner_file: false,
            },
        })
    }
}
