//! What only a broker can do: break, fill up, forget, be wrong. Each test has a virtual host of its own.
//!
//! Nothing here asserts that somebody has noticed something: the tests wait for what must become true.

mod connection;
mod proxy;
mod restart;
mod rights;
mod tls;

use std::path::PathBuf;

use assay_test_parts::Vhost;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};

use super::{
    contract::{self, soon, until},
    *,
};
use proxy::Proxy;

/// A broker of the test's own, as far as it can see.
struct Broker {
    vhost: Vhost,
    folder: tempfile::TempDir,
}

impl Broker {
    fn new() -> Self {
        Self {
            vhost: Vhost::create().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The configuration that names it: password in a file, not in the address.
    fn config(&self) -> QueueConfig {
        let url = self.vhost.url();
        let (scheme, rest) = url.split_once("://").unwrap();
        let (account, place) = rest.split_once('@').unwrap();
        let (user, password) = account.split_once(':').unwrap();
        let password_file: PathBuf = self.folder.path().join("password");
        std::fs::write(&password_file, password).unwrap();
        QueueConfig {
            url: format!("{scheme}://{user}@{place}"),
            password_file,
            ..config()
        }
    }

    async fn open(&self) -> Queue {
        connected(&self.config()).await
    }

    /// A channel that goes past all that is tested.
    async fn channel(&self) -> (Connection, Channel) {
        let options = ConnectionProperties::default();
        let connection = Connection::connect(&self.vhost.url(), options)
            .await
            .unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    /// Publishes something that is no doorbell.
    async fn publish(&self, queue: &str, bytes: &[u8]) {
        let (_connection, channel) = self.channel().await;
        channel
            .confirm_select(lapin::options::ConfirmSelectOptions::default())
            .await
            .unwrap();
        let sent = channel.basic_publish(
            "".into(),
            queue.into(),
            BasicPublishOptions::default(),
            bytes,
            BasicProperties::default(),
        );
        assert!(sent.await.unwrap().await.unwrap().is_ack());
    }
}

async fn connected(config: &QueueConfig) -> Queue {
    let queue = Queue::open(config).unwrap();
    let mut state = queue.state();
    let up = state.wait_for(|state| *state == QueueState::Connected);
    let _up = soon("a connection", up).await.unwrap();
    queue
}

async fn heard(queue: &Queue) -> JobId {
    let ring = soon("a doorbell", queue.next()).await.unwrap();
    let job = ring.job;
    ring.done().await;
    job
}

/// Rings until the queue has taken it, as the upkeep does.
async fn ring(queue: &Queue, bell: &Doorbell) {
    until("a doorbell to be taken", || async {
        queue.ring(bell).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let broker = Broker::new();
    let queue = broker.open().await;
    contract::order(&queue).await;
    contract::every_slot_gets_one(&queue).await;
    contract::giving_up_loses_nothing(&queue).await;
    contract::closing(&queue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doorbell_outlives_its_publisher_and_carries_its_trace() {
    let broker = Broker::new();
    let bell = Doorbell {
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        ..bell(Priority::Normal)
    };
    let first = broker.open().await;
    ring(&first, &bell).await;
    first.close();
    let second = broker.open().await;
    assert_eq!(contract::waiting(&second).await, 1);
    let ring = soon("a doorbell", second.next()).await.unwrap();
    assert_eq!((ring.job, &ring.traceparent), (bell.job, &bell.traceparent));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doorbell_that_nobody_settled_comes_again() {
    let broker = Broker::new();
    let queue = broker.open().await;
    let bell = bell(Priority::Normal);
    ring(&queue, &bell).await;
    for _ in 0..3 {
        let ring = soon("a doorbell", queue.next()).await.unwrap();
        assert_eq!(ring.job, bell.job);
        drop(ring);
    }
    assert_eq!(heard(&queue).await, bell.job);
    until("an empty queue", || async {
        contract::waiting(&queue).await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_hear_their_own_class_only() {
    let broker = Broker::new();
    let cpu = broker.open().await;
    let gpu = connected(&QueueConfig {
        class: Class::Gpu,
        ..broker.config()
    })
    .await;
    let for_gpu = Doorbell {
        class: Class::Gpu,
        ..bell(Priority::Normal)
    };
    let for_cpu = bell(Priority::Low);
    ring(&cpu, &for_gpu).await;
    ring(&cpu, &for_cpu).await;
    assert_eq!(heard(&cpu).await, for_cpu.job);
    assert_eq!(heard(&gpu).await, for_gpu.job);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_doorbell_is_put_aside_and_can_be_taken_away() {
    let broker = Broker::new();
    let queue = broker.open().await;
    broker.publish("assay.jobs.cpu.high", b"no doorbell").await;
    let bell = bell(Priority::Low);
    ring(&queue, &bell).await;
    assert_eq!(heard(&queue).await, bell.job);
    until("a dead letter", || async {
        queue.dead(10).await.unwrap().len() == 1
    })
    .await;
    // Looking takes nothing away.
    for _ in 0..3 {
        until("the dead letter again", || async {
            let letters = queue.dead(10).await.unwrap();
            let Some(letter) = letters.first() else {
                return false;
            };
            assert_eq!((letter.job, letter.text.as_str()), (None, "no doorbell"));
            assert_eq!(letter.reason, "rejected");
            assert_eq!(letter.queue, "assay.jobs.cpu.high");
            true
        })
        .await;
    }
    assert_eq!(queue.take_dead(10, async |_| false).await, Ok(0));
    until("the dead letter to go", || async {
        queue.take_dead(10, async |_| true).await == Ok(1)
    })
    .await;
    assert_eq!(queue.dead(10).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doorbell_that_comes_back_too_often_is_put_aside() {
    let broker = Broker::new();
    let queue = connected(&QueueConfig {
        delivery_limit: 2,
        ..broker.config()
    })
    .await;
    let bell = bell(Priority::Normal);
    ring(&queue, &bell).await;
    let found = async {
        loop {
            let next = tokio::time::timeout(std::time::Duration::from_millis(200), queue.next());
            drop(next.await);
            if let Some(letter) = queue.dead(1).await.unwrap().pop() {
                return letter;
            }
        }
    };
    let letter = soon("a dead letter", found).await;
    assert_eq!(letter.job, Some(bell.job));
    assert_eq!(letter.reason, "delivery_limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_takes_again_when_there_is_room() {
    let broker = Broker::new();
    let queue = connected(&QueueConfig {
        max_length: 3,
        ..broker.config()
    })
    .await;
    // The limit is not exact: messages under way pass it.
    let mut confirmed = Vec::new();
    let full = async {
        loop {
            let one = bell(Priority::Normal);
            match queue.ring(&one).await {
                Ok(()) => confirmed.push(one.job),
                Err(error) => return error,
            }
        }
    };
    assert_eq!(soon("a full queue", full).await, QueueError::Full);
    assert!(confirmed.len() >= 3, "{}", confirmed.len());
    for job in confirmed {
        assert_eq!(heard(&queue).await, job);
    }
    let late = bell(Priority::Normal);
    ring(&queue, &late).await;
    assert_eq!(heard(&queue).await, late.job);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_gone_is_made_anew_and_no_doorbell_passes_for_rung() {
    let broker = Broker::new();
    let queue = broker.open().await;
    let (_connection, channel) = broker.channel().await;
    let gone = channel.queue_delete(
        "assay.jobs.cpu.normal".into(),
        QueueDeleteOptions::default(),
    );
    gone.await.unwrap();
    let bells = [bell(Priority::High), bell(Priority::Normal)];
    let rung = queue.ring_all(&bells).await;
    assert_eq!(rung.confirmed, [bells[0].job]);
    assert_eq!(
        rung.trouble,
        Some(QueueError::Unroutable("cpu.normal".into()))
    );
    ring(&queue, &bells[1]).await;
    assert_eq!(heard(&queue).await, bells[0].job);
    assert_eq!(heard(&queue).await, bells[1].job);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_is_told_of_with_what_to_do() {
    let broker = Broker::new();
    let refusal = |config: QueueConfig| async move {
        let queue = Queue::open(&config).unwrap();
        let mut state = queue.state();
        let refused = state.wait_for(|state| matches!(state, QueueState::Refused(_)));
        let text = soon("a refusal", refused).await.unwrap().to_string();
        let error = queue.ring(&bell(Priority::Normal)).await.unwrap_err();
        assert!(matches!(error, QueueError::Refused { .. }), "{error:?}");
        text
    };
    let nobody = broker.config().url.replace("://", "://nobody-");
    let text = refusal(QueueConfig {
        url: nobody,
        ..broker.config()
    })
    .await;
    assert!(text.contains("password_file"), "{text}");

    let nowhere = format!("{}-absent", broker.config().url);
    let text = refusal(QueueConfig {
        url: nowhere,
        ..broker.config()
    })
    .await;
    assert!(text.contains("virtual host"), "{text}");

    let (_connection, channel) = broker.channel().await;
    let other = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let name = "assay.jobs.cpu.normal".into();
    let made = channel.queue_declare(name, other, FieldTable::default());
    made.await.unwrap();
    let text = refusal(broker.config()).await;
    assert!(
        text.contains("assay.jobs.cpu.normal") && text.contains("prefix"),
        "{text}"
    );
    let prefixed = QueueConfig {
        prefix: "second.".into(),
        ..broker.config()
    };
    let queue = connected(&prefixed).await;
    let bell = bell(Priority::Normal);
    ring(&queue, &bell).await;
    assert_eq!(heard(&queue).await, bell.job);
}
