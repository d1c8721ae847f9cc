//! The queue within one process.

/// A channel of job ids.
#[derive(Debug, Clone)]
pub struct InProcess {}
