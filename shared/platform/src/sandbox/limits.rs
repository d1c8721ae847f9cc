use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one run of the trainer may use. Going over any of them ends the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of memory: of a process' address space (`RLIMIT_AS`), or of all that a container holds, what it has written
    /// into an output folder in memory included.
    pub memory_bytes: u64,
    /// Seconds of processor time over all threads (`RLIMIT_CPU`).
    pub cpu_seconds: u64,
    /// Seconds by the clock on the wall, from start to end.
    pub wall_seconds: u64,
    /// Bytes of all files in the output folder together; each file alone is bounded by `RLIMIT_FSIZE`, and in a container
    /// all of them by a file system of that size where the worker may mount one.
    pub output_bytes: u64,
    /// Files in the output folder.
    pub output_files: u64,
    /// Bytes that may be printed on standard output, and as many on standard error.
    pub printed_bytes: u64,
    /// Files open at a time (`RLIMIT_NOFILE`).
    pub open_files: u64,
    /// Threads, the main one included (`RLIMIT_NPROC`, where the room has a user or user namespace of its own; in a
    /// container all of its threads and processes).
    pub threads: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 8 << 30,
            cpu_seconds: 24 * 3600,
            wall_seconds: 12 * 3600,
            output_bytes: 8 << 30,
            output_files: 64,
            printed_bytes: 256 << 20,
            open_files: 256,
            threads: 256,
        }
    }
}

impl Limits {
    /// Limits for a check, which reads everything but trains nothing and writes nothing.
    pub fn for_checks() -> Self {
        Self {
            cpu_seconds: 120,
            wall_seconds: 120,
            output_bytes: 1 << 20,
            printed_bytes: 16 << 20,
            ..Self::default()
        }
    }

    pub(crate) fn wall(&self) -> Duration {
        Duration::from_secs(self.wall_seconds)
    }
}
