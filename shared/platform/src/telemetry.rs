//! Logs, metrics and their names.

mod log;
pub mod metrics;

pub use log::{LogConfig, LogFormat, TelemetryError, init_logs};
pub use metrics::render;
