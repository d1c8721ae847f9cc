//! Configuration: an embedded default file that is also the manual, a file, then `ASSAY__SECTION__KEY`, then what the
//! command line says.

mod checkpoints;
mod environment;
mod layers;
mod seed_variables;
mod start;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, thread, time::Duration};

use assay_protocol::DataLimits;
use serde::{Deserialize, Deserializer};

use crate::{
    Service,
    db::config::DatabaseConfig,
    keys::KeysConfig,
    queue::QueueConfig,
    sandbox::{DockerConfig, SandboxConfig},
    scan::ScanConfig,
    store::StoreConfig,
    telemetry::LogConfig,
};

pub use checkpoints::CheckpointsConfig;
pub use environment::EnvironmentConfig;
pub use start::{StartConfig, StatusConfig};

/// The default configuration file, with a comment for every key.
pub const DEFAULT: &str = include_str!("../config.default.toml");

/// Everything that can be set. The names in files are these; spans end in `_seconds` there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of everything the embedded parts keep: `secrets/`, `store/`, `assay.db`, `rooms/`.
    pub dir: PathBuf,
    /// Where the API listens; loopback only, unless the next field says otherwise. Port 0: any that is free.
    pub listen: SocketAddr,
    /// Lets `listen` and `status.listen` be reached from other machines, where anybody may then do anything.
    pub allow_remote_without_authentication: bool,
    /// Host names, in lower case and without a port, under which the service may be asked for, besides `localhost` and
    /// IP addresses.
    pub hosts: Vec<String>,
    /// Bytes of one uploaded file at most.
    pub upload_limit_bytes: u64,
    /// How long a download link is valid.
    #[serde(rename = "download_ttl_seconds", deserialize_with = "seconds")]
    pub download_ttl: Duration,
    /// Jobs that train at the same time.
    pub worker_slots: usize,
    /// Threads of one training.
    pub trainer_threads: u32,
    /// The program that trains and its leading arguments; empty for this program itself.
    pub trainer_program: Vec<String>,
    /// How long a worker may say nothing before it has lost its job.
    #[serde(rename = "lease_seconds", deserialize_with = "seconds")]
    pub lease: Duration,
    /// Attempts that may break off before a job is given up. One that a worker puts back as it stops is not counted.
    pub max_attempts: u32,
    /// Where the database is.
    pub database: DatabaseConfig,
    /// How doorbells get to workers.
    pub queue: QueueConfig,
    /// Limits on what a job's files may hold.
    pub data_limits: DataLimits,
    /// Scans of images, and what they decide.
    pub scan: ScanConfig,
    /// Start and end of a service.
    pub start: StartConfig,
    /// Where keys are read from.
    pub keys: KeysConfig,
    /// Health and metrics of a service without an API.
    pub status: StatusConfig,
    /// When a running training is kept, to go on from.
    pub checkpoints: CheckpointsConfig,
    /// Where the environment of a training is read from.
    pub environment: EnvironmentConfig,
    /// The room in which a user's model is opened.
    pub sandbox: SandboxConfig,
    /// Where objects are kept.
    pub store: StoreConfig,
    /// The container engine, for a room that is a container.
    pub docker: DockerConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// A layer is not TOML.
    #[error("{layer}: {reason}")]
    Syntax {
        /// The file, the variable or the option.
        layer: String,
        /// What is wrong.
        reason: String,
    },
    /// A name that nothing is known by.
    #[error("{layer}: there is no setting {name}; `assay up --print-config` prints all there are")]
    Unknown {
        /// The file, the variable or the option.
        layer: String,
        /// The name, its parts joined by dots.
        name: String,
    },
    /// A value of the wrong type or out of its range.
    #[error("configuration: {0}")]
    Value(String),
}

impl Config {
    /// Reads all layers: the defaults, the file if there is one, this process' environment, the overrides (dotted
    /// names, values as in a TOML file or plain text). A service of a deployment also honours the variables of AIBoMGen,
    /// below those of its own.
    ///
    /// # Errors
    /// [`ConfigError`] names the layer and the setting, or a variable that cannot be honoured.
    pub fn load_for(
        service: Service,
        file: Option<PathBuf>,
        overrides: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let text = file
            .map(|path| match std::fs::read_to_string(&path) {
                Ok(text) => Ok((path.display().to_string(), text)),
                Err(source) => Err(ConfigError::Read { path, source }),
            })
            .transpose()?;
        // A variable that is not Unicode can hold none of our settings.
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let seed = match service {
            Service::All => Vec::new(),
            _ => seed_variables::settings(&variables)?,
        };
        Self::layered(text, &seed, variables, overrides)
    }

    /// The defaults, with this folder: for tests, benchmarks and the demonstration.
    ///
    /// # Errors
    /// As [`Config::load_for`], which the embedded defaults do not.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let defaults = Self::layered(None, &[], BTreeMap::new(), &[])?;
        Ok(Self {
            dir: dir.into(),
            ..defaults
        })
    }

    fn layered(
        file: Option<(String, String)>,
        seed: &[(&str, &str, String)],
        variables: BTreeMap<String, String>,
        overrides: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let merged = layers::merge(DEFAULT, file, seed, variables, overrides)?;
        let mut config: Self = merged
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Value(error.to_string()))?;
        config.check()?;
        if config.trainer_threads == 0 {
            let processors = thread::available_parallelism().map_or(1, usize::from);
            let share = (processors / config.worker_slots).max(1);
            config.trainer_threads = u32::try_from(share).unwrap_or(u32::MAX);
        }
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let rule = |ok: bool, text: &str| {
            if ok {
                Ok(())
            } else {
                Err(ConfigError::Value(text.to_owned()))
            }
        };
        let remote = self.allow_remote_without_authentication;
        rule(
            remote || self.listen.ip().is_loopback(),
            "listen must be a loopback address (127.0.0.1 or [::1]): there is no authentication yet. \
             allow_remote_without_authentication = true lifts this where a firewall or a proxy decides who comes in",
        )?;
        rule(
            remote || self.status.listen.is_none_or(|at| at.ip().is_loopback()),
            "status.listen must be a loopback address (127.0.0.1 or [::1]), \
             unless allow_remote_without_authentication = true",
        )?;
        rule(
            self.upload_limit_bytes > 0,
            "upload_limit_bytes must be at least 1",
        )?;
        rule(
            !self.download_ttl.is_zero(),
            "download_ttl_seconds must be at least 1",
        )?;
        rule(
            (1..=1024).contains(&self.worker_slots),
            "worker_slots must be between 1 and 1024",
        )?;
        rule(
            self.trainer_threads <= 1024,
            "trainer_threads must be at most 1024",
        )?;
        rule(!self.lease.is_zero(), "lease_seconds must be at least 1")?;
        rule(self.max_attempts > 0, "max_attempts must be at least 1")?;
        rule(
            (1..=1000).contains(&self.database.connections),
            "database.connections must be between 1 and 1000",
        )?;
        self.store.check().map_err(ConfigError::Value)?;
        self.scan.check().map_err(ConfigError::Value)
    }
}

/// Reads a number of hours.
pub(crate) fn hours<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u32::deserialize(from).map(|hours| Duration::from_secs(u64::from(hours) * 3600))
}

pub(crate) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u32::deserialize(from).map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests;
