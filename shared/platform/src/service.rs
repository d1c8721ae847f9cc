//! Which program of a deployment a process is.

use std::fmt;

/// What a process runs. Each opens only the parts, and reads only the keys, that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Everything in one process: `assay up`.
    All,
    /// HTTP: submit, watch, fetch, verify.
    Api,
    /// Claims jobs, trains, signs.
    Worker,
    /// Scans images.
    Scanner,
}

impl Service {
    /// The word of the command line, the log and the documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "up",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Scanner => "scanner",
        }
    }

    /// Whether it answers HTTP requests, and therefore signs `ingest`.
    pub fn serves(self) -> bool {
        matches!(self, Self::All | Self::Api)
    }

    /// Whether it trains, and therefore signs `run_training` and AIBoMs.
    pub fn trains(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }

    /// Whether it rings or hears doorbells. A scanner needs no broker: the jobs that it lets go on ring from the database.
    pub fn uses_queue(self) -> bool {
        self != Self::Scanner
    }

    /// Whether it scans images, and therefore writes reports.
    pub fn scans(self) -> bool {
        matches!(self, Self::All | Self::Scanner)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
