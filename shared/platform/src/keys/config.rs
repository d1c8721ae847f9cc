use std::path::PathBuf;

use serde::Deserialize;

/// Where keys are read from: the section `[keys]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Folder of keys and layouts; empty: `secrets` in the platform's folder.
    pub dir: PathBuf,
    /// Which of the folder's keys of its kind a service signs with; `1` is the first.
    pub name: String,
}
