use std::time::Instant;

use serde_json::Value;

/// What a worker is doing for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Phase {
    /// Takes it in the database.
    Claim,
    /// Places the inputs in the room.
    Fetch,
    /// Runs the trainer.
    Train,
    /// Stores the outputs.
    Upload,
    /// Signs link and AIBoM, and stores them.
    Sign,
    /// Writes the end into the database.
    Complete,
}

impl Phase {
    pub(crate) const ALL: [Self; 6] = [
        Self::Claim,
        Self::Fetch,
        Self::Train,
        Self::Upload,
        Self::Sign,
        Self::Complete,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Fetch => "fetch",
            Self::Train => "train",
            Self::Upload => "upload",
            Self::Sign => "sign",
            Self::Complete => "complete",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }
}

/// A worker has entered a phase, or is through with an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Entered {
    /// Which worker, from 0.
    pub(crate) worker: usize,
    /// The phase; `None` when the attempt is over.
    pub(crate) phase: Option<Phase>,
    /// The job.
    pub(crate) job: String,
    /// When we read of it.
    pub(crate) at: Instant,
}

impl Entered {
    /// Reads a line of a worker's log; `None` when it is of something else.
    pub(crate) fn read(worker: usize, line: &str) -> Option<Self> {
        if !line.contains("assay_worker::phase") {
            return None;
        }
        let line: Value = serde_json::from_str(line).ok()?;
        if line["target"] != "assay_worker::phase" {
            return None;
        }
        let word = line["phase"].as_str()?;
        Some(Self {
            worker,
            phase: Phase::parse(word),
            job: line["job"].as_str().unwrap_or_default().to_owned(),
            at: Instant::now(),
        })
    }
}
