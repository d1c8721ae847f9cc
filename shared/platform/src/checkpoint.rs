//! A checkpoint: what a training can go on from, and who says so.

use assay_attest::Digest;
use serde::{Deserialize, Serialize};

use crate::ids::JobId;

/// The state of a training at the end of an epoch, as a worker stored and signed it.
///
/// A row of the database is no proof: whoever resumes checks the signature and the object's digest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The job.
    pub job: JobId,
    /// The attempt that trained so far.
    pub attempt: u32,
    /// The last epoch that is in it, counted from 1.
    pub epoch: u32,
    /// SHA-256 of its bytes, and its name in the store.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// The key id of the worker that signed it.
    pub worker_keyid: String,
    /// The worker's signature over the other fields, as text.
    pub signature: String,
}
