use assay_platform::ids::JobId;

/// What an attempt is doing. A line of the log at the entry of each (target `assay_worker::phase`, level debug) lets
/// others see where a job is, and lets the fault program strike there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The job is taken in the database.
    Claim,
    /// The inputs are placed in the room.
    Fetch,
    /// The trainer runs.
    Train,
    /// What came of it is stored.
    Upload,
    /// The proof is written and signed.
    Sign,
    /// The end is written into the database.
    Complete,
    /// The attempt is over, however it ended.
    Over,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Fetch => "fetch",
            Self::Train => "train",
            Self::Upload => "upload",
            Self::Sign => "sign",
            Self::Complete => "complete",
            Self::Over => "over",
        }
    }
}

/// Says that an attempt of this job enters a phase.
pub(crate) fn enter(phase: Phase, job: JobId) {
    tracing::debug!(phase = phase.as_str(), job = %job, "phase");
}
