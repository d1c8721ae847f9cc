//! Why an attempt ends early, and what kind of trouble each error of a part is.

use std::io;

use assay_platform::{
    db::DbError, job::Failure, keys::KeyError, sandbox::SandboxError, store::StoreError,
};
use assay_protocol::Fault;

/// Why an attempt ended before it completed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The job cannot be done, however often it is tried.
    #[error("{}", .0.fault.message)]
    Failed(Box<Failure>),
    /// A server, this machine or this worker's settings do not let it work now. The job has no part in that: it goes back
    /// into the queue, and no attempt is lost.
    #[error("{0}")]
    Unavailable(String),
    /// Something of ours did not work, and it may have been by this job: another attempt may do better, but not any number.
    #[error("{0}")]
    Infrastructure(String),
    /// The job may not run now, and why: it goes back into the queue, and no attempt is lost.
    #[error("{0}")]
    Held(String),
    /// Somebody asked to stop the job.
    #[error("somebody asked to stop the job")]
    Cancelled,
    /// The lease is somebody else's: nothing of this attempt may be written.
    #[error("the lease is lost")]
    LeaseLost,
    /// This worker is stopping; the job goes back into the queue.
    #[error("the worker is stopping")]
    Stopping,
}

impl Stop {
    /// The job cannot be done, and neither its user nor another attempt can change that.
    pub(crate) fn ours(code: &'static str, message: impl Into<String>) -> Self {
        Self::failed(Fault::without_field(code, message), None)
    }

    pub(crate) fn failed(fault: Fault, detail: Option<String>) -> Self {
        Self::Failed(Box::new(Failure { fault, detail }))
    }
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        if error.is_passing() {
            Self::Unavailable(error.to_string())
        } else {
            Self::Infrastructure(error.to_string())
        }
    }
}

impl From<KeyError> for Stop {
    fn from(error: KeyError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            // Stored bytes that have changed do not come back by trying again, and it must be seen. Bytes that a store
            // cannot find may be back in a moment: it may be in the middle of a recovery.
            StoreError::Corrupt { .. } => {
                Self::ours("platform.artifact_changed", error.to_string())
            }
            StoreError::Io(error) => error.into(),
            // The server is away, or does not let this worker in.
            StoreError::Remote { .. } | StoreError::Settings(_) | StoreError::Stopped => {
                Self::Unavailable(error.to_string())
            }
            other => Self::Infrastructure(other.to_string()),
        }
    }
}

impl From<SandboxError> for Stop {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Unavailable { .. } => {
                Self::ours("platform.isolation_unavailable", error.to_string())
            }
            // None of these has let the trainer start.
            SandboxError::Engine { .. } | SandboxError::Launch(_) | SandboxError::Settings(_) => {
                Self::Unavailable(error.to_string())
            }
            SandboxError::Io { ref source, .. } if is_full(source) => {
                Self::Unavailable(error.to_string())
            }
            SandboxError::Io { .. } => Self::Infrastructure(error.to_string()),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if is_full(&error) {
            Self::Unavailable(error.to_string())
        } else {
            Self::Infrastructure(error.to_string())
        }
    }
}

/// Whether a disk took nothing more. That it could have been this job is checked elsewhere: what a job may write is bounded.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::ReadOnlyFilesystem
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_unavailable(stop: impl Into<Stop>) -> bool {
        matches!(stop.into(), Stop::Unavailable(_))
    }

    #[test]
    fn what_a_job_has_no_part_in_costs_it_no_attempt() {
        let away = || StoreError::Remote {
            place: "x".to_owned(),
            reason: "x".to_owned(),
            passing: true,
        };
        let dead = SandboxError::Engine {
            doing: "be reached",
            reason: "x".to_owned(),
        };
        assert!(is_unavailable(away()) && is_unavailable(dead));
        assert!(is_unavailable(DbError::CommitUnknown));
        assert!(is_unavailable(io::Error::from(io::ErrorKind::StorageFull)));
        let full = io::ErrorKind::StorageFull.into();
        assert!(is_unavailable(StoreError::Io(full)));
        let other = io::Error::from(io::ErrorKind::NotFound);
        assert!(!is_unavailable(other));
        let lost = StoreError::Missing(assay_attest::Digest::of(b"x"));
        assert!(!is_unavailable(lost));
    }
}
