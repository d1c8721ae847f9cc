use assay_platform::{
    db::DbError, job::Failure, keys::KeyError, sandbox::SandboxError, store::StoreError,
};
use assay_protocol::Fault;
use tokio::sync::watch;

/// Why an attempt ended before it completed.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The job cannot be done, however often it is tried.
    Failed(Box<Failure>),
    /// Something of ours did not work: another attempt may.
    Infrastructure(String),
    /// The job may not run now, and why: it goes back into the queue, and no attempt is lost.
    Held(String),
    /// Somebody asked to stop the job.
    Cancelled,
    /// The lease is somebody else's: nothing of this attempt may be written.
    LeaseLost,
    /// This worker is stopping; the job goes back into the queue.
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

/// Completes when the worker is to stop: the signal is true, or nobody is left to give it.
pub(crate) async fn wanted(shutdown: &mut watch::Receiver<bool>) {
    // The answer guards the value; it is dropped here, before anything else is awaited.
    let _gone = shutdown.wait_for(|stop| *stop).await.is_err();
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Infrastructure(error.to_string())
    }
}

impl From<KeyError> for Stop {
    fn from(error: KeyError) -> Self {
        Self::Infrastructure(error.to_string())
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
            other => Self::Infrastructure(other.to_string()),
        }
    }
}

impl From<SandboxError> for Stop {
    fn from(error: SandboxError) -> Self {
        // An isolation that this machine cannot give is no fault of the job: another worker's machine may.
        Self::Infrastructure(error.to_string())
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Infrastructure(error.to_string())
    }
}
