//! The queue within one process.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use super::{Depth, Doorbell, QueueError, QueueState, Ring, Rung};
use crate::ids::JobId;
use crate::job::{Class, Priority};

/// By priority, and first in, first out. A job that waits already is not put in twice.
///
/// There is one worker at the other end, so it hears the doorbells of every class.
#[derive(Debug, Clone)]
pub struct InProcess(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    waiting: Mutex<Waiting>,
    /// Rung for each job, and for everybody when the queue closes.
    bell: Notify,
    state: watch::Sender<QueueState>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// One for each of [`Priority::ALL`].
    bells: [VecDeque<Doorbell>; Priority::ALL.len()],
    present: HashSet<JobId>,
    closed: bool,
}

impl Waiting {
    fn put(&mut self, bell: &Doorbell) -> bool {
        let fresh = self.present.insert(bell.job);
        let place = Priority::ALL.iter().position(|one| *one == bell.priority);
        if let Some(queue) = place.and_then(|place| self.bells.get_mut(place))
            && fresh
        {
            queue.push_back(bell.clone());
        }
        fresh
    }

    fn take(&mut self) -> Option<Doorbell> {
        let bell = self.bells.iter_mut().rev().find_map(VecDeque::pop_front)?;
        self.present.remove(&bell.job);
        Some(bell)
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self(Arc::new(Inner {
            waiting: Mutex::default(),
            bell: Notify::new(),
            state: watch::Sender::new(QueueState::Connected),
        }))
    }
}

impl InProcess {
    pub(super) fn ring_all(&self, bells: &[Doorbell]) -> Rung {
        let mut waiting = self.lock();
        if waiting.closed {
            return Rung {
                trouble: Some(QueueError::Closed),
                ..Rung::default()
            };
        }
        for bell in bells {
            if waiting.put(bell) {
                self.0.bell.notify_one();
            }
        }
        Rung {
            confirmed: bells.iter().map(|bell| bell.job).collect(),
            trouble: None,
        }
    }

    pub(super) async fn next(&self) -> Result<Ring, QueueError> {
        loop {
            // Listens before it looks, so that nothing rings in between unheard.
            let rung = self.0.bell.notified();
            {
                let mut waiting = self.lock();
                if waiting.closed {
                    return Err(QueueError::Closed);
                }
                if let Some(bell) = waiting.take() {
                    // One permit stands for any number of rings: whoever takes a job wakes the next.
                    if !waiting.present.is_empty() {
                        self.0.bell.notify_one();
                    }
                    return Ok(Ring::new(bell.job, bell.traceparent, None));
                }
            }
            rung.await;
        }
    }

    pub(super) fn depths(&self) -> Vec<Depth> {
        let waiting = self.lock();
        let counts = |class: Class| {
            Priority::ALL
                .into_iter()
                .zip(&waiting.bells)
                .map(move |(priority, bells)| Depth {
                    class,
                    priority,
                    waiting: bells.iter().filter(|bell| bell.class == class).count() as u64,
                })
        };
        Class::ALL.into_iter().flat_map(counts).collect()
    }

    pub(super) fn state(&self) -> watch::Receiver<QueueState> {
        self.0.state.subscribe()
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.state.send_replace(QueueState::Closed);
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
