use std::io::IsTerminal as _;

use serde::Deserialize;
use tracing_subscriber::{
    EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use super::traces;
use crate::Service;

/// The `[log]` part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// Levels, as in `RUST_LOG`: `info`, or `info,assay_worker=debug`.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
    /// Where traces are sent: the address of a collector for OTLP over HTTP, path included. Empty: nowhere.
    pub otlp_endpoint: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("log.filter: {0}; expected levels as \"info\" or \"info,assay_worker=debug\"")]
    Filter(String),
    /// Traces cannot be sent to such an address.
    #[error("log.otlp_endpoint: {0}; expected an address as \"http://127.0.0.1:4318/v1/traces\"")]
    Endpoint(String),
    /// Something in this process has set up logging before.
    #[error("logging is set up already")]
    Twice,
}

/// Sends everything that is logged in this process to standard error, and its traces to a collector if there is one.
/// Once a process, and on its runtime.
///
/// # Errors
/// [`TelemetryError`].
pub fn init_logs(config: &LogConfig, service: Service) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|error| TelemetryError::Filter(error.to_string()))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(traces::layer(&config.otlp_endpoint, service)?)
        .with(lines.with_filter(filter))
        .try_init()
        .map_err(|_| TelemetryError::Twice)
}
