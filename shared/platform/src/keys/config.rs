use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The `[keys]` part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// Folder of the keys; empty for `secrets` in the platform's folder.
    pub dir: PathBuf,
    /// Which of the folder's keys of its kind a service signs with; [`super::FIRST`] unless set.
    pub name: String,
}

impl KeysConfig {
    /// Where the keys are, for a platform that keeps its data in `data`.
    pub fn dir(&self, data: &Path) -> PathBuf {
        if self.dir.as_os_str().is_empty() {
            data.join("secrets")
        } else {
            self.dir.clone()
        }
    }
}
