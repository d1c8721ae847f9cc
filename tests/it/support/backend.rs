//! Where a server keeps its jobs and objects.

use assay_test_parts::Corner;

/// The variable that says over what the journeys run: `embedded`, which is the default, or `deployment`.
const BACKEND: &str = "ASSAY_TEST_BACKEND";

/// What a server stands on.
pub(crate) enum Backend {
    /// SQLite, a folder and a queue within the process.
    Embedded,
    /// PostgreSQL, an S3 server and RabbitMQ.
    Deployment(Box<Corner>),
}

impl Backend {
    /// The one that this run of the tests asks for, new and empty.
    pub(crate) fn of_this_run() -> Self {
        match std::env::var(BACKEND).as_deref() {
            Err(_) | Ok("embedded") => Self::Embedded,
            Ok("deployment") => Self::Deployment(Box::new(Corner::create().unwrap())),
            Ok(other) => panic!("{BACKEND}={other}; expected embedded or deployment"),
        }
    }

    /// The settings that make `assay` work over it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        match self {
            Self::Embedded => Vec::new(),
            Self::Deployment(corner) => corner.environment(),
        }
    }
}
