//! An account with the least rights that a service needs.

use reqwest::Method;
use serde_json::json;

use super::*;

/// An account that may publish and hear, but make nothing; gone with the value.
struct Account<'a> {
    broker: &'a Broker,
    name: String,
}

impl<'a> Account<'a> {
    fn new(broker: &'a Broker) -> Self {
        let name = format!("worker-{}", JobId::new());
        let vhost = &broker.vhost;
        let user = json!({"password": "s3cret", "tags": ""});
        let path = format!("/api/users/{name}");
        vhost.ask(Method::PUT, &path, Some(user)).unwrap();
        let rights = json!({"configure": "^$", "write": "^assay\\.jobs$", "read": "^assay\\."});
        let path = format!("/api/permissions/{}/{name}", vhost.name());
        vhost.ask(Method::PUT, &path, Some(rights)).unwrap();
        Self { broker, name }
    }

    fn config(&self) -> QueueConfig {
        let config = self.broker.config();
        std::fs::write(&config.password_file, "s3cret\n").unwrap();
        let (scheme, rest) = config.url.split_once("://").unwrap();
        let place = rest.split_once('@').unwrap().1;
        QueueConfig {
            url: format!("{scheme}://{}@{place}", self.name),
            ..config
        }
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let path = format!("/api/users/{}", self.name);
        let _gone = self.broker.vhost.ask(Method::DELETE, &path, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn needs_no_right_to_make_what_is_there_and_says_so_where_it_is_not() {
    let broker = Broker::new();
    let account = Account::new(&broker);
    let queue = Queue::open(&account.config()).unwrap();
    let mut state = queue.state();
    let refused = state.wait_for(|state| matches!(state, QueueState::Refused(_)));
    let text = soon("a refusal", refused).await.unwrap().to_string();
    assert!(text.contains("assay prepare"), "{text}");

    // Somebody with more rights makes the queues; the refused one asks again by itself.
    let owner = broker.open().await;
    let up = state.wait_for(|state| *state == QueueState::Connected);
    let _up = soon("a connection", up).await.unwrap();
    let bell = bell(Priority::Normal);
    ring(&queue, &bell).await;
    assert_eq!(heard(&queue).await, bell.job);
    owner.close();
}
