use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Limits, Mechanism};

/// Ways to seal a room, by their names in configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxKind {
    /// A restricted child process.
    #[default]
    Process,
    /// A container of its own for each run.
    Docker,
}

/// The `[sandbox]` part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// Where jobs train. Freshly handed-in files are always checked in a restricted child process.
    pub kind: SandboxKind,
    /// Mechanisms whose absence does not keep a job from running. What was absent is written into the link and the AIBoM.
    ///
    /// By default the ones that others back up: the network namespace and Landlock's network rules (seccomp
    /// already refuses every socket) and Landlock's scopes (seccomp already refuses sockets and signals). Of a container
    /// only the output's own file system can be done without, and is by default: not every worker may mount one.
    pub allow_missing: BTreeSet<Mechanism>,
    /// Bytes that must be free where rooms are made before a job is given one.
    pub keep_free_bytes: u64,
    /// What a training may use.
    pub limits: Limits,
    /// What a check of freshly handed-in files may use.
    pub check_limits: Limits,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            kind: SandboxKind::default(),
            allow_missing: BTreeSet::from([
                Mechanism::NetworkNamespace,
                Mechanism::LandlockNetwork,
                Mechanism::LandlockScope,
                Mechanism::OutputQuota,
            ]),
            keep_free_bytes: 512 << 20,
            limits: Limits::default(),
            check_limits: Limits::for_checks(),
        }
    }
}
