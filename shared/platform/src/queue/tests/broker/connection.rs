//! Connections that break, fall silent or work by half.

use super::*;

/// A queue whose connections can be cut and held.
async fn behind_a_proxy() -> (Broker, Proxy, Queue) {
    let broker = Broker::new();
    let proxy = Proxy::before(&broker.vhost.url()).await;
    let queue = connected(&QueueConfig {
        url: proxy.through(&broker.config().url),
        ..broker.config()
    })
    .await;
    (broker, proxy, queue)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_is_made_anew() {
    let (_broker, proxy, queue) = behind_a_proxy().await;
    for _ in 0..3 {
        let bell = bell(Priority::Normal);
        let (slot, job) = (queue.clone(), bell.job);
        // One that rang without a confirmation rings again, so an older one may be heard first.
        let waiting = tokio::spawn(async move { while heard(&slot).await != job {} });
        proxy.cut();
        ring(&queue, &bell).await;
        soon("the slot", waiting).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_ring_and_hears_nothing_is_not_healthy() {
    let (_broker, proxy, queue) = behind_a_proxy().await;
    assert_eq!(queue.health(), QueueState::Connected);
    // The connection that hears is made when it is first asked for, and gets no greeting.
    proxy.pause(true);
    let bell = bell(Priority::Normal);
    let (slot, job) = (queue.clone(), bell.job);
    let waiting = tokio::spawn(async move { while heard(&slot).await != job {} });
    until("health to tell", || async {
        queue.health() != QueueState::Connected
    })
    .await;
    proxy.pause(false);
    until("both connections", || async {
        queue.health() == QueueState::Connected
    })
    .await;
    ring(&queue, &bell).await;
    soon("the slot", waiting).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doorbell_in_hand_when_the_connection_is_cut_comes_again() {
    let (_broker, proxy, queue) = behind_a_proxy().await;
    let bell = bell(Priority::Normal);
    ring(&queue, &bell).await;
    let in_hand = soon("a doorbell", queue.next()).await.unwrap();
    proxy.cut();
    // Settling it is no error, whether or not the cut was noticed.
    in_hand.done().await;
    assert_eq!(heard(&queue).await, bell.job);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_falls_silent_holds_nobody_for_ever() {
    let (_broker, proxy, queue) = behind_a_proxy().await;
    proxy.pause(true);
    let error = soon("an error", queue.ring(&bell(Priority::Normal))).await;
    assert!(
        matches!(error, Err(QueueError::Unreachable { .. })),
        "{error:?}"
    );
    proxy.pause(false);
    let late = bell(Priority::High);
    ring(&queue, &late).await;
    // The silent one may have arrived, too.
    until("the late doorbell", || async {
        heard(&queue).await == late.job
    })
    .await;
}
