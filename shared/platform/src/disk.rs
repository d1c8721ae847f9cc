//! Whether there is room for another job.

use std::{fmt, path::PathBuf};

use crate::{Platform, store::StoreError};

/// Room where the rooms of jobs are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Where rooms are made.
    pub folder: PathBuf,
    /// Bytes that can still be written there.
    pub free_bytes: u64,
    /// Bytes that must be free before a job is begun (`sandbox.keep_free_bytes`).
    pub needed_bytes: u64,
}

impl Disk {
    /// Whether no job is begun.
    pub fn is_low(&self) -> bool {
        self.free_bytes < self.needed_bytes
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            folder,
            free_bytes,
            needed_bytes,
        } = self;
        write!(
            formatter,
            "the disk of {} has {free_bytes} bytes left, and no job is begun below {needed_bytes} \
             (sandbox.keep_free_bytes)",
            folder.display()
        )
    }
}

impl Platform {
    /// Measures the room for another job.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file system cannot be asked.
    pub async fn disk(&self) -> Result<Disk, StoreError> {
        Ok(Disk {
            folder: self.rooms(),
            free_bytes: self.store.free_bytes().await?,
            needed_bytes: self.config.sandbox.keep_free_bytes,
        })
    }

    /// Says in the log that jobs will not be begun, if so. It keeps no service from starting: room may be made meanwhile.
    pub(crate) async fn warn_of_disk(&self) {
        match self.disk().await {
            Ok(disk) if disk.is_low() => tracing::warn!("{disk}; make room on it"),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "it is not known whether the disk has room for a job");
            }
        }
    }
}
