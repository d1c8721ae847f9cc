//! Layers of settings: later ones win, unknown keys are refused by name.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use assay_protocol::DataLimits;
use serde::Deserialize;
use toml::{Table, Value};

use super::{Config, ConfigError, LogFormat};
use crate::sandbox::{ENTER_ROOM, Program, SandboxConfig};

const PREFIX: &str = "ASSAY__";

/// The file's own shape.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: SocketAddr,
    upload: Upload,
    worker: Worker,
    download: Download,
    log: Log,
    #[serde(default)]
    sandbox: SandboxConfig,
    #[serde(default)]
    data: DataLimits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    dataset_bytes: u64,
    model_bytes: u64,
    concurrent_checks: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Worker {
    slots: usize,
    trainer_threads: u32,
    lease_seconds: u64,
    max_attempts: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Download {
    link_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    filter: String,
    format: LogFormat,
}

pub(super) fn parse(origin: &str, text: &str) -> Result<Table, ConfigError> {
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Value {
            origin: origin.to_owned(),
            reason: error.to_string(),
        })
}

/// Lays `over` on `under`, table by table.
pub(super) fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// `ASSAY__WORKER__SLOTS=2` as `[worker] slots = 2`. A value that is no TOML is taken as text.
pub(super) fn environment(variables: impl Iterator<Item = (String, String)>) -> Table {
    let mut table = Table::new();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let value = format!("value = {value}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or(Value::String(value));
        let nested = path
            .to_ascii_lowercase()
            .rsplit("__")
            .fold(value, |inner, key| {
                Value::Table(Table::from_iter([(key.to_owned(), inner)]))
            });
        if let Value::Table(nested) = nested {
            merge(&mut table, nested);
        }
    }
    table
}

pub(super) fn read(table: Table) -> Result<Config, ConfigError> {
    let file: File = table.try_into().map_err(|error| ConfigError::Value {
        origin: "(file or ASSAY__ variables)".to_owned(),
        reason: error.to_string(),
    })?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    Ok(Config {
        dir: PathBuf::from("assay-data"),
        listen: file.listen,
        dataset_bytes: file.upload.dataset_bytes,
        model_bytes: file.upload.model_bytes,
        concurrent_checks: file.upload.concurrent_checks.max(1),
        worker_slots: file.worker.slots.max(1),
        trainer_threads: match file.worker.trainer_threads {
            0 => cores,
            threads => threads,
        },
        lease: Duration::from_secs(file.worker.lease_seconds.max(1)),
        max_attempts: file.worker.max_attempts.max(1),
        download_ttl: Duration::from_secs(file.download.link_seconds),
        log_filter: file.log.filter,
        log_format: file.log.format,
        sandbox: file.sandbox,
        data_limits: file.data,
        launcher: Program::this([ENTER_ROOM]),
        trainer: Program::this(["__trainer"]),
    })
}

/// The defaults of the manual.
impl Default for Config {
    fn default() -> Self {
        let defaults = parse("defaults", super::MANUAL).and_then(read);
        // The manual is part of the program, and a test reads it.
        #[expect(clippy::expect_used, reason = "checked by a test")]
        defaults.expect("the manual is a configuration")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_is_a_configuration() {
        let config = Config::default();
        assert_eq!(config.lease, Duration::from_secs(30));
        assert!(config.validate().is_ok());
    }

    #[test]
    fn later_layers_win_and_leave_the_rest() {
        let mut table = parse("defaults", super::super::MANUAL).unwrap();
        merge(&mut table, parse("file", "[worker]\nslots = 3").unwrap());
        let variables = [
            ("ASSAY__WORKER__LEASE_SECONDS", "5"),
            ("ASSAY__LOG__FILTER", "debug"),
            ("OTHER", "x"),
        ];
        let variables = variables.map(|(k, v)| (k.to_owned(), v.to_owned()));
        merge(&mut table, environment(variables.into_iter()));
        let config = read(table).unwrap();
        assert_eq!(config.worker_slots, 3);
        assert_eq!(config.lease, Duration::from_secs(5));
        assert_eq!(config.log_filter, "debug");
        assert_eq!(config.max_attempts, 3);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let mut table = parse("defaults", super::super::MANUAL).unwrap();
        merge(&mut table, parse("file", "[worker]\nslotz = 3").unwrap());
        assert!(read(table).unwrap_err().to_string().contains("slotz"));
    }

    #[test]
    fn other_machines_are_kept_out() {
        let config = Config {
            listen: ([0, 0, 0, 0], 80).into(),
            ..Config::default()
        };
        assert!(matches!(
            config.validate(),
            Err(ConfigError::NotLoopback(_))
        ));
    }
}
