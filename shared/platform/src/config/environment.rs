use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the environment of a training is read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    /// Where the kernel shows the energy counters of the processors.
    pub rapl_root: PathBuf,
    /// NVIDIA's management library: a file name for the loader, or a path.
    pub nvml_library: String,
}
