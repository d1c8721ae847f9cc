//! The queue carries job ids, never jobs: the database is the truth, the queue is the doorbell.

use crate::ids::JobId;

/// What can go wrong with the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The queue is closed: the process is stopping.
    #[error("the queue is closed")]
    Closed,
}

/// The queue, by configuration.
#[derive(Debug, Clone)]
pub enum Queue {
    /// Within this process, refilled from the database at start.
    InProcess(in_process::InProcess),
}

pub mod in_process;

#[allow(unused_variables)]
impl Queue {
    /// Rings the doorbell for a job. Ringing twice is harmless: the claim decides.
    pub async fn ring(&self, id: JobId) -> Result<(), QueueError> { todo!() }
    /// Waits for the next doorbell.
    pub async fn next(&self) -> Result<JobId, QueueError> { todo!() }
    /// Doorbells waiting.
    pub fn depth(&self) -> usize { todo!() }
    /// Closes the queue; waiting `next` calls return [`QueueError::Closed`].
    pub fn close(&self) { todo!() }
}
