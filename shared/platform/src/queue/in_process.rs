//! The queue within one process.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::QueueError;
use crate::ids::JobId;

/// Ids in the order in which they were rung, each at most once.
#[derive(Debug, Clone, Default)]
pub struct InProcess {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    rung: Notify,
}

#[derive(Debug, Default)]
struct State {
    order: VecDeque<JobId>,
    waiting: HashSet<JobId>,
    closed: bool,
}

impl InProcess {
    pub(super) fn ring(&self, id: JobId) -> Result<(), QueueError> {
        let mut state = self.state();
        if state.closed {
            return Err(QueueError::Closed);
        }
        if state.waiting.insert(id) {
            state.order.push_back(id);
            drop(state);
            self.shared.rung.notify_one();
        }
        Ok(())
    }

    pub(super) async fn next(&self) -> Result<JobId, QueueError> {
        loop {
            // Enlisted before the look, so that a ring between look and wait is not missed.
            let mut rung = std::pin::pin!(self.shared.rung.notified());
            rung.as_mut().enable();
            if let Some(next) = self.take() {
                return next;
            }
            rung.await;
        }
    }

    fn take(&self) -> Option<Result<JobId, QueueError>> {
        let mut state = self.state();
        if state.closed {
            return Some(Err(QueueError::Closed));
        }
        let id = state.order.pop_front()?;
        state.waiting.remove(&id);
        // One permit may have stood for several rings.
        if !state.order.is_empty() {
            self.shared.rung.notify_one();
        }
        Some(Ok(id))
    }

    pub(super) fn depth(&self) -> usize {
        self.state().order.len()
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.shared.rung.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing here can panic half-way.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_id_comes_once_and_in_order() {
        let queue = InProcess::default();
        let ids = [JobId::new(), JobId::new(), JobId::new()];
        for id in [ids[0], ids[1], ids[0], ids[2]] {
            queue.ring(id).unwrap();
        }
        assert_eq!(queue.depth(), 3);
        for id in ids {
            assert_eq!(queue.next().await.unwrap(), id);
        }
        // Taken once, it may be rung again.
        queue.ring(ids[0]).unwrap();
        assert_eq!(queue.next().await.unwrap(), ids[0]);
    }

    #[tokio::test]
    async fn many_waiters_get_one_each_and_closing_wakes_the_rest() {
        let queue = InProcess::default();
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.next().await.is_ok() })
            })
            .collect();
        for _ in 0..3 {
            queue.ring(JobId::new()).unwrap();
        }
        let mut got = 0;
        let mut waiters = waiters.into_iter();
        while queue.depth() > 0 {
            tokio::task::yield_now().await;
        }
        queue.close();
        for waiter in waiters.by_ref() {
            got += u32::from(waiter.await.unwrap());
        }
        assert_eq!(got, 3);
        assert!(queue.ring(JobId::new()).is_err());
    }
}
