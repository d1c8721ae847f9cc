use std::{sync::Arc, time::Duration};

use assay_attest::Trust;
use assay_platform::Platform;
use bytes::Bytes;
use tokio::sync::{Semaphore, watch};

use crate::{ApiError, check::Checks, places::Places};

/// Streams of events that are served at a time.
const STREAMS: usize = 512;

/// Requests that hash stored objects anew at a time; others wait.
const REHASHING: usize = 2;

/// Jobs whose files come in at a time.
const UPLOADS: usize = 64;

/// Requests with a file to verify at a time: each may hold some of it in memory.
const VERIFICATIONS: usize = 8;

/// How long a request waits for its place.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) platform: Platform,
    pub(crate) checks: Checks,
    /// Jobs whose files come in.
    pub(crate) uploads: Places,
    /// Requests with a file to verify.
    pub(crate) verifications: Places,
    /// Requests that hash stored objects anew, which costs as much as the objects are large.
    pub(crate) rehashing: Semaphore,
    /// Open streams of events.
    pub(crate) streams: Arc<Semaphore>,
    /// What verifications pin.
    pub(crate) trust: Arc<Trust>,
    /// `trust.json`, which does not change while the service runs.
    pub(crate) trust_json: Bytes,
    /// Turns true when the service is to stop.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Service {
    pub(crate) fn new(
        platform: Platform,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, ApiError> {
        let trust = Arc::new(platform.keys.trust().clone());
        Ok(Self {
            checks: Checks::new(),
            uploads: Places::new(UPLOADS, PATIENCE),
            verifications: Places::new(VERIFICATIONS, PATIENCE),
            rehashing: Semaphore::new(REHASHING),
            streams: Arc::new(Semaphore::new(STREAMS)),
            trust_json: trust.to_json()?.into(),
            trust,
            stopping,
            platform,
        })
    }
}
