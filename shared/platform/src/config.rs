//! Configuration: an embedded default file that is also the manual, then a file, then the environment.

mod layers;

use std::{fs, net::SocketAddr, path::Path, path::PathBuf, time::Duration};

use assay_protocol::DataLimits;
use serde::Deserialize;

use crate::sandbox::{Program, SandboxConfig};

/// The manual: every setting with its default.
pub const MANUAL: &str = include_str!("config.default.toml");

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of everything that the embedded parts keep: `secrets/`, `store/`, `rooms/`, `assay.db`.
    pub dir: PathBuf,
    /// Address of the HTTP server; loopback only.
    pub listen: SocketAddr,
    /// Bytes of an uploaded data set at most.
    pub dataset_bytes: u64,
    /// Bytes of an uploaded model at most.
    pub model_bytes: u64,
    /// Checks of uploaded files at a time.
    pub concurrent_checks: usize,
    /// Jobs trained at a time.
    pub worker_slots: usize,
    /// Threads of one training.
    pub trainer_threads: u32,
    /// Time without a sign of life after which a job goes to another worker.
    pub lease: Duration,
    /// Claims of one job at most.
    pub max_attempts: u32,
    /// How long a download link is valid.
    pub download_ttl: Duration,
    /// What is logged (`EnvFilter` syntax).
    pub log_filter: String,
    /// How it is written.
    pub log_format: LogFormat,
    /// Limits of the room and mechanisms that may be missing.
    pub sandbox: SandboxConfig,
    /// Limits on what the trainer reads of uploaded files.
    pub data_limits: DataLimits,
    /// The program that seals a room and becomes the trainer; this program itself unless set by who starts it.
    pub launcher: Program,
    /// The trainer.
    pub trainer: Program,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// A file is no TOML, has an unknown key, or a value of another kind.
    #[error("configuration {origin}: {reason}")]
    Value {
        /// Where it stands.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The server would be open to others.
    #[error(
        "listen = \"{0}\" is not a loopback address; there is no authentication yet, so only this machine may connect"
    )]
    NotLoopback(SocketAddr),
}

impl Config {
    /// Reads the defaults, then `file`, then `ASSAY__…` variables.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file or variable.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut table = layers::parse("defaults", MANUAL)?;
        if let Some(path) = file {
            let origin = path.display().to_string();
            let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: origin.clone(),
                source,
            })?;
            layers::merge(&mut table, layers::parse(&origin, &text)?);
        }
        layers::merge(&mut table, layers::environment(std::env::vars()));
        layers::read(table)
    }

    /// The folder where rooms are made: on the file system of the store.
    pub fn rooms(&self) -> PathBuf {
        self.dir.join("rooms")
    }

    /// Refuses what would be unsafe.
    ///
    /// # Errors
    /// [`ConfigError::NotLoopback`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.listen.ip().is_loopback() {
            Ok(())
        } else {
            Err(ConfigError::NotLoopback(self.listen))
        }
    }
}
