//! Over TLS, to a broker with a certificate of the test's own authority.

use assay_test_parts::{Authority, Rabbit};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_believed_by_its_certificate() {
    let (ours, another) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = Rabbit::start_tls(&ours).unwrap();
    let broker = Broker {
        vhost: Vhost::create_on(&server.url(), &server.management_url()).unwrap(),
        folder: tempfile::tempdir().unwrap(),
    };
    let trusting = |authority: &Authority| {
        let config = broker.config();
        let (plain, tls) = (server.port(), server.tls_port().unwrap());
        QueueConfig {
            url: config.url.replacen("amqp://", "amqps://", 1).replacen(
                &format!(":{plain}/"),
                &format!(":{tls}/"),
                1,
            ),
            ca_file: authority.file(),
            ..config
        }
    };
    let queue = connected(&trusting(&ours)).await;
    contract::order(&queue).await;
    contract::giving_up_loses_nothing(&queue).await;
    queue.close();

    let distrustful = Queue::open(&trusting(&another)).unwrap();
    let mut state = distrustful.state();
    let refused = state.wait_for(|state| matches!(state, QueueState::Refused(_)));
    let text = soon("a refusal", refused).await.unwrap().to_string();
    assert!(
        text.contains("not from an authority that is trusted") && text.contains("queue.ca_file"),
        "{text}"
    );
    distrustful.close();
}
