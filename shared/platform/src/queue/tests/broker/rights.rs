//! An account with the least rights that a service needs.

use reqwest::Method;
use serde_json::json;

use super::*;

/// What sets up the broker's accounts in a deployment.
const ACCOUNTS: &str = include_str!("../../../../../../deploy/rabbitmq/start.sh");

/// An account with the rights that a service has in a deployment; gone with the value.
struct Account<'a> {
    broker: &'a Broker,
    name: String,
}

/// The rights to configure, write and read that the deployment gives a service.
fn rights(service: &str) -> [String; 3] {
    let call = format!("$(permission {service} ");
    let line = ACCOUNTS.lines().find(|line| line.contains(&call)).unwrap();
    let parts: Vec<_> = line.split('\'').collect();
    // What the shell's document and then JSON make of two backslashes.
    [1, 3, 5].map(|at| parts[at].replace("\\\\", "\\"))
}

impl<'a> Account<'a> {
    fn new(broker: &'a Broker, service: &str) -> Self {
        let name = format!("{service}-{}", JobId::new());
        let vhost = &broker.vhost;
        let user = json!({"password": "s3cret", "tags": ""});
        let path = format!("/api/users/{name}");
        vhost.ask(Method::PUT, &path, Some(user)).unwrap();
        let [configure, write, read] = rights(service);
        let rights = json!({"configure": configure, "write": write, "read": read});
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
    let account = Account::new(&broker, "worker");
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

#[tokio::test(flavor = "multi_thread")]
async fn an_api_reads_dead_letters_and_a_worker_is_refused_them_without_losing_its_connection() {
    let broker = Broker::new();
    let owner = broker.open().await;
    let account = Account::new(&broker, "api");
    let api = connected(&account.config()).await;
    assert_eq!(api.dead(10).await.unwrap(), []);

    let account = Account::new(&broker, "worker");
    let worker = connected(&account.config()).await;
    let refused = worker.dead(10).await.unwrap_err();
    assert!(matches!(refused, QueueError::Refused { .. }), "{refused}");
    assert_eq!(*worker.state().borrow(), QueueState::Connected);
    let bell = bell(Priority::Normal);
    ring(&worker, &bell).await;
    assert_eq!(heard(&worker).await, bell.job);
    owner.close();
}
