//! The queue within one process.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::QueueError;
use crate::ids::JobId;

/// First in, first out. A job that waits already is not put in twice.
#[derive(Debug, Clone, Default)]
pub struct InProcess(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    /// Rung for each job, and for everybody when the queue closes.
    bell: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    ids: VecDeque<JobId>,
    present: HashSet<JobId>,
    closed: bool,
}

impl InProcess {
    pub(super) fn ring(&self, id: JobId) -> Result<(), QueueError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(QueueError::Closed);
        }
        if waiting.present.insert(id) {
            waiting.ids.push_back(id);
            self.0.bell.notify_one();
        }
        Ok(())
    }

    pub(super) async fn next(&self) -> Result<JobId, QueueError> {
        loop {
            // Listens before it looks, so that nothing rings in between unheard.
            let rung = self.0.bell.notified();
            {
                let mut waiting = self.lock();
                if waiting.closed {
                    return Err(QueueError::Closed);
                }
                if let Some(id) = waiting.ids.pop_front() {
                    waiting.present.remove(&id);
                    // One permit stands for any number of rings: whoever takes a job wakes the next.
                    if !waiting.ids.is_empty() {
                        self.0.bell.notify_one();
                    }
                    return Ok(id);
                }
            }
            rung.await;
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.lock().ids.len()
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.bell.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Both collections are whole between any two statements, so a panic elsewhere does not spoil them.
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
