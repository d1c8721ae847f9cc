//! Logs and metrics.

pub mod metrics;

use tracing_subscriber::{EnvFilter, fmt};

use crate::{Config, config::LogFormat};

/// Writes log lines to standard error from here on. Called twice, the second call changes nothing.
pub fn init(config: &Config) {
    let filter = EnvFilter::try_new(&config.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Somebody else's subscriber, a test's perhaps, is left in place.
    let _set = match config.log_format {
        LogFormat::Text => lines
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
