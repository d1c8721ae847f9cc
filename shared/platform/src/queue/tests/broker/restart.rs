//! A broker that dies and comes back on the same data. It is the test's own, since nobody else would survive that.

use assay_test_parts::Rabbit;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_has_confirmed_outlives_its_death() {
    let (mut rabbit, vhost) = tokio::task::spawn_blocking(|| {
        let rabbit = Rabbit::start().unwrap();
        let vhost = Vhost::create_on(&rabbit.url(), &rabbit.management_url()).unwrap();
        (rabbit, vhost)
    })
    .await
    .unwrap();
    let broker = Broker {
        vhost,
        folder: tempfile::tempdir().unwrap(),
    };
    let queue = broker.open().await;
    let bells: Vec<Doorbell> = (0..50).map(|_| bell(Priority::Normal)).collect();
    let rung = queue.ring_all(&bells).await;
    assert_eq!((rung.confirmed.len(), rung.trouble), (50, None));
    let in_hand = soon("a doorbell", queue.next()).await.unwrap();
    rabbit = tokio::task::spawn_blocking(move || {
        rabbit.kill();
        rabbit
    })
    .await
    .unwrap();
    // Either nobody has noticed yet, or the claim is told that it cannot be settled: both are well.
    in_hand.done().await;
    until("ringing to fail", || async {
        queue.ring(&bells[0]).await.is_err()
    })
    .await;
    let _rabbit = tokio::task::spawn_blocking(move || {
        rabbit.restart().unwrap();
        rabbit
    })
    .await
    .unwrap();
    let late = bell(Priority::Low);
    ring(&queue, &late).await;
    let mut missing: std::collections::HashSet<JobId> =
        bells.iter().chain([&late]).map(|bell| bell.job).collect();
    while !missing.is_empty() {
        missing.remove(&heard(&queue).await);
    }
}
