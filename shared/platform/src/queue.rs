//! The queue carries job ids, never jobs: the database is the truth, the queue is the doorbell.

pub mod in_process;

use crate::ids::JobId;

/// What can go wrong with the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
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

impl Queue {
    /// Rings the doorbell for a job. Ringing twice is harmless: the claim decides.
    ///
    /// # Errors
    /// [`QueueError::Closed`].
    pub async fn ring(&self, id: JobId) -> Result<(), QueueError> {
        match self {
            Self::InProcess(queue) => queue.ring(id),
        }
    }

    /// Waits for the next doorbell. May be given up at any time without losing one.
    ///
    /// # Errors
    /// [`QueueError::Closed`].
    pub async fn next(&self) -> Result<JobId, QueueError> {
        match self {
            Self::InProcess(queue) => queue.next().await,
        }
    }

    /// Doorbells waiting.
    pub fn depth(&self) -> usize {
        match self {
            Self::InProcess(queue) => queue.depth(),
        }
    }

    /// Closes the queue; waiting `next` calls return [`QueueError::Closed`]. What waits is in the database, too.
    pub fn close(&self) {
        match self {
            Self::InProcess(queue) => queue.close(),
        }
    }
}

#[cfg(test)]
mod tests;
