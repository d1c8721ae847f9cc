use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Only the system calls that computing needs: no sockets, no new processes.
    Seccomp,
}

impl Mechanism {
    /// Every mechanism, in the order in which a report lists them.
    pub const ALL: [Self; 8] = [
        Self::NoNewPrivs,
        Self::UnprivilegedUser,
        Self::Rlimits,
        Self::LandlockFilesystem,
        Self::LandlockNetwork,
        Self::LandlockScope,
        Self::NetworkNamespace,
        Self::Seccomp,
    ];

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

/// What kept the trainer in its room. Every [`Mechanism`] is in exactly one of the two lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// The kind of sandbox: `process`.
    pub sandbox: String,
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
