//! Logs, traces, metrics and their names.

mod export;
mod log;
pub mod metrics;
mod traces;

pub use log::{LogConfig, LogFormat, TelemetryError, init_logs};
pub use metrics::render;
pub(crate) use traces::finish;
pub use traces::{PastSpan, continue_trace, failed, name_trace, note, rename, traceparent};
