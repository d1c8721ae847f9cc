use std::sync::atomic::{AtomicU64, Ordering};

use super::proc;

/// The most memory that a process was seen to hold.
#[derive(Debug)]
pub(super) struct Peak {
    pid: i32,
    bytes: AtomicU64,
}

impl Peak {
    pub(super) fn of(pid: i32) -> Self {
        Self {
            pid,
            bytes: AtomicU64::new(0),
        }
    }

    /// Looks now. The kernel keeps the peak itself, so looking late loses nothing; looking after the end is too late.
    pub(super) fn look(&self) {
        if let Some(bytes) = proc::peak_memory(self.pid) {
            self.bytes.fetch_max(bytes, Ordering::Relaxed);
        }
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        Some(self.bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }
}
