//! Configuration: an embedded default file that is also the manual, a file, then `ASSAY__SECTION__KEY`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use assay_protocol::DataLimits;

/// Everything that can be set.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "skeleton")]
pub struct Config {
    /// Folder of everything the embedded parts keep: `secrets/`, `store/`, `assay.db`, `rooms/`.
    pub dir: PathBuf,
    pub listen: SocketAddr,
    pub upload_limit_bytes: u64,
    pub data_limits: DataLimits,
    pub sandbox: crate::sandbox::Limits,
    /// Mechanisms that may be missing without refusing jobs.
    pub allow_missing_isolation: Vec<String>,
    pub worker_slots: usize,
    pub trainer_threads: u32,
    pub lease: Duration,
    pub max_attempts: u32,
    pub download_ttl: Duration,
}
