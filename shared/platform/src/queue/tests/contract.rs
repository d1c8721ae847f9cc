use std::time::Duration;

use futures_util::{FutureExt as _, future::join_all};

use super::*;

/// Far longer than anything here takes; a test that waits this long has failed.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// Waits for something, but not for ever.
pub(super) async fn soon<T>(what: &str, it: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LONG, it).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Waits until a condition holds.
#[cfg(feature = "outside-parts")]
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let asked = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(what, asked).await;
}

pub(super) async fn waiting(queue: &Queue) -> u64 {
    let depths = queue.depths().await.unwrap();
    depths.iter().map(|depth| depth.waiting).sum()
}

async fn heard(queue: &Queue) -> JobId {
    let ring = soon("a doorbell", queue.next()).await.unwrap();
    let job = ring.job;
    ring.done().await;
    job
}

/// The most urgent first; first in, first out among equals.
pub(super) async fn order(queue: &Queue) {
    let bells: Vec<Doorbell> = [
        Priority::Low,
        Priority::Normal,
        Priority::High,
        Priority::Normal,
        Priority::High,
        Priority::Low,
    ]
    .map(bell)
    .into();
    let rung = queue.ring_all(&bells).await;
    assert_eq!(rung.trouble, None);
    let all: Vec<JobId> = bells.iter().map(|bell| bell.job).collect();
    assert_eq!(rung.confirmed, all);
    let mut got = Vec::new();
    for _ in &bells {
        got.push(heard(queue).await);
    }
    let expected: Vec<JobId> = [2, 4, 1, 3, 0, 5].map(|at: usize| all[at]).into();
    assert_eq!(got, expected);
}

pub(super) async fn every_slot_gets_one(queue: &Queue) {
    let slots: Vec<_> = (0..8)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { heard(&queue).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let bells: Vec<Doorbell> = (0..8).map(|_| bell(Priority::Normal)).collect();
    assert_eq!(queue.ring_all(&bells).await.trouble, None);
    let mut sent: Vec<JobId> = bells.iter().map(|bell| bell.job).collect();
    let mut got: Vec<JobId> = join_all(slots)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    sent.sort();
    got.sort();
    assert_eq!(got, sent);
}

pub(super) async fn giving_up_loses_nothing(queue: &Queue) {
    for _ in 0..20 {
        let mut given_up = Box::pin(queue.next());
        assert!(given_up.as_mut().now_or_never().is_none());
        let bell = bell(Priority::Normal);
        queue.ring(&bell).await.unwrap();
        drop(given_up);
        assert_eq!(heard(queue).await, bell.job);
    }
}

pub(super) async fn closing(queue: &Queue) {
    let slots: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.next().await.map(|ring| ring.job) })
        })
        .collect();
    tokio::task::yield_now().await;
    queue.close();
    for slot in slots {
        let ended = soon("a slot to hear of the end", slot).await.unwrap();
        assert_eq!(ended, Err(QueueError::Closed));
    }
    let mut state = queue.state();
    let closed = state.wait_for(|state| *state == QueueState::Closed);
    assert!(soon("the state", closed).await.is_ok());
    assert_eq!(
        queue.ring(&bell(Priority::Low)).await,
        Err(QueueError::Closed)
    );
    let next = queue.next().await.map(|ring| ring.job);
    assert_eq!(next, Err(QueueError::Closed));
}
