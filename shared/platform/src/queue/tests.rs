use futures_util::{FutureExt as _, future::join_all};

use super::{in_process::InProcess, *};

fn queue() -> Queue {
    Queue::InProcess(InProcess::default())
}

#[tokio::test]
async fn first_in_first_out_and_no_id_twice() {
    let queue = queue();
    let (one, two) = (JobId::new(), JobId::new());
    for id in [one, two, one] {
        queue.ring(id).await.unwrap();
    }
    assert_eq!(queue.depth(), 2);
    assert_eq!(queue.next().await, Ok(one));
    queue.ring(one).await.unwrap();
    assert_eq!(queue.next().await, Ok(two));
    assert_eq!(queue.next().await, Ok(one));
    assert_eq!(queue.next().now_or_never(), None);
}

#[tokio::test]
async fn every_waiting_worker_gets_one() {
    let queue = queue();
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.next().await.unwrap() })
        })
        .collect();
    tokio::task::yield_now().await;
    let mut sent: Vec<JobId> = (0..8).map(|_| JobId::new()).collect();
    for id in &sent {
        queue.ring(*id).await.unwrap();
    }
    let mut got: Vec<JobId> = join_all(workers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    sent.sort();
    got.sort();
    assert_eq!(got, sent);
}

#[tokio::test]
async fn giving_up_loses_nothing() {
    let queue = queue();
    let mut given_up = Box::pin(queue.next());
    assert!(given_up.as_mut().now_or_never().is_none());
    let id = JobId::new();
    queue.ring(id).await.unwrap();
    drop(given_up);
    assert_eq!(queue.next().await, Ok(id));
}

#[tokio::test]
async fn closing_wakes_all_and_refuses_more() {
    let queue = queue();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.next().await })
        })
        .collect();
    tokio::task::yield_now().await;
    queue.close();
    for worker in waiting {
        assert_eq!(worker.await.unwrap(), Err(QueueError::Closed));
    }
    assert_eq!(queue.ring(JobId::new()).await, Err(QueueError::Closed));
    assert_eq!(queue.next().await, Err(QueueError::Closed));
}
