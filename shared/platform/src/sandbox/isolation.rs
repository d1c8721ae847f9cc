use std::fmt;

use serde::{Deserialize, Serialize};

use super::SandboxKind;

/// One way in which the kernel keeps the trainer in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// The process can gain no privilege by executing a file (`PR_SET_NO_NEW_PRIVS`).
    NoNewPrivs,
    /// The process does not run as root, and has no capability outside namespaces of its own.
    UnprivilegedUser,
    /// Bounds on memory, processor time, file size, open files (`setrlimit`).
    Rlimits,
    /// Only the inputs, the output folder, the program and its libraries can be opened.
    LandlockFilesystem,
    /// No TCP connection or listener (Landlock ABI 4 and later).
    LandlockNetwork,
    /// No signal to, and no abstract unix socket of, a process outside (Landlock ABI 6 and later).
    LandlockScope,
    /// A network of its own, without any interface up.
    NetworkNamespace,
    /// Only the system calls that computing needs: no sockets, no new processes. In a container with a graphics
    /// processor: the engine's own list, which refuses what would reach the machine.
    Seccomp,
    /// A container without any capability, not even those that its user namespace would give.
    NoCapabilities,
    /// A container whose file system cannot be written, outside of the output folder.
    ReadOnlyRoot,
    /// Bounds of a container as a whole on memory, processors and processes (control groups).
    ControlGroups,
    /// A container with processes, mounts and shared memory of its own, and without the machine's devices.
    Namespaces,
    /// An output folder that is a file system of its own size: no way of writing fills more.
    OutputQuota,
}

/// Those of a restricted child process.
const OF_PROCESS: &[Mechanism] = &[
    Mechanism::NoNewPrivs,
    Mechanism::UnprivilegedUser,
    Mechanism::Rlimits,
    Mechanism::LandlockFilesystem,
    Mechanism::LandlockNetwork,
    Mechanism::LandlockScope,
    Mechanism::NetworkNamespace,
    Mechanism::Seccomp,
];

/// Those of a container.
const OF_CONTAINER: &[Mechanism] = &[
    Mechanism::NoNewPrivs,
    Mechanism::UnprivilegedUser,
    Mechanism::Rlimits,
    Mechanism::NetworkNamespace,
    Mechanism::Seccomp,
    Mechanism::NoCapabilities,
    Mechanism::ReadOnlyRoot,
    Mechanism::ControlGroups,
    Mechanism::Namespaces,
    Mechanism::OutputQuota,
];

impl Mechanism {
    /// Every mechanism, in the order in which a report lists them.
    pub const ALL: [Self; 13] = [
        Self::NoNewPrivs,
        Self::UnprivilegedUser,
        Self::Rlimits,
        Self::LandlockFilesystem,
        Self::LandlockNetwork,
        Self::LandlockScope,
        Self::NetworkNamespace,
        Self::Seccomp,
        Self::NoCapabilities,
        Self::ReadOnlyRoot,
        Self::ControlGroups,
        Self::Namespaces,
        Self::OutputQuota,
    ];

    /// Those that a kind of sandbox can give.
    pub fn of(kind: SandboxKind) -> &'static [Self] {
        match kind {
            SandboxKind::Process => OF_PROCESS,
            SandboxKind::Docker => OF_CONTAINER,
        }
    }

    /// Its name in configuration, in the link and in the AIBoM.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoNewPrivs => "no-new-privs",
            Self::UnprivilegedUser => "unprivileged-user",
            Self::Rlimits => "rlimits",
            Self::LandlockFilesystem => "landlock-filesystem",
            Self::LandlockNetwork => "landlock-network",
            Self::LandlockScope => "landlock-scope",
            Self::NetworkNamespace => "network-namespace",
            Self::Seccomp => "seccomp",
            Self::NoCapabilities => "no-capabilities",
            Self::ReadOnlyRoot => "read-only-root",
            Self::ControlGroups => "control-groups",
            Self::Namespaces => "namespaces",
            Self::OutputQuota => "output-quota",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A mechanism that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub mechanism: Mechanism,
    /// In which form, as `ABI 7`.
    pub detail: String,
}

/// A mechanism that was not in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Which.
    pub mechanism: Mechanism,
    /// Why, as the kernel said it.
    pub reason: String,
}

/// The container of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The engine's id of it.
    pub id: String,
    /// The image, as configured.
    pub image: String,
    /// The image that it really was made from: the digest of its configuration, as `sha256:…`.
    pub image_digest: String,
    /// The same image as a registry has it, `name@sha256:…`, if it came from one.
    pub repository_digest: Option<String>,
    /// The engine and its version.
    pub engine: String,
}

/// What kept the trainer in its room. Every [`Mechanism`] of its kind of sandbox is in exactly one of the two lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// The kind of sandbox: `process` or `docker`.
    pub sandbox: String,
    /// The container, in that kind of sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// What was in force when the trainer started; read back from the kernel where it can be.
    pub held: Vec<Held>,
    /// What was not.
    pub missing: Vec<Missing>,
}

impl Isolation {
    /// Whether a mechanism was in force.
    pub fn holds(&self, mechanism: Mechanism) -> bool {
        self.held.iter().any(|held| held.mechanism == mechanism)
    }

    pub(crate) fn record(&mut self, mechanism: Mechanism, outcome: Result<String, String>) {
        match outcome {
            Ok(detail) => self.held.push(Held { mechanism, detail }),
            Err(reason) => self.missing.push(Missing { mechanism, reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_text_and_json() {
        for mechanism in Mechanism::ALL {
            let json = serde_json::to_string(&mechanism).unwrap();
            assert_eq!(json, format!("{:?}", mechanism.as_str()));
        }
    }
}
