//! A virtual host of a test's own.

use anyhow::Context as _;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{blocking, names};

/// A new, empty virtual host of the shared broker; deleted with the value, and its connections with it.
#[derive(Debug)]
pub struct Vhost {
    amqp: String,
    management: String,
    name: String,
}

impl Vhost {
    /// Makes one on the broker that the environment names.
    pub fn create() -> anyhow::Result<Self> {
        Self::create_on(
            &names::of(names::AMQP)?,
            &names::of(names::AMQP_MANAGEMENT)?,
        )
    }

    /// Makes one on this broker, whose addresses hold an account each that may do so.
    pub fn create_on(amqp: &str, management: &str) -> anyhow::Result<Self> {
        let this = Self {
            amqp: amqp.to_owned(),
            management: management.trim_end_matches('/').to_owned(),
            name: format!("assay-{}", uuid::Uuid::new_v4().simple()),
        };
        let name = &this.name;
        let user = user(amqp).unwrap_or("guest");
        this.ask(Method::PUT, &format!("/api/vhosts/{name}"), Some(json!({})))?;
        this.ask(
            Method::PUT,
            &format!("/api/permissions/{name}/{user}"),
            Some(json!({"configure": ".*", "write": ".*", "read": ".*"})),
        )?;
        Ok(this)
    }

    /// Its address for messages.
    pub fn url(&self) -> String {
        let host = self.amqp.find("://").map_or(0, |at| at + 3);
        let path = self.amqp[host..]
            .find('/')
            .map_or(self.amqp.len(), |at| host + at);
        format!("{}/{}", &self.amqp[..path], self.name)
    }

    /// Its name, as the management API wants it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Closes every connection to it; gives how many there were. The broker learns of a new connection with a delay.
    pub fn cut(&self) -> anyhow::Result<usize> {
        let path = format!("/api/vhosts/{}/connections", self.name);
        let connections = self.ask(Method::GET, &path, None)?;
        let names: Vec<_> = connections
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|connection| connection["name"].as_str())
            .collect();
        for name in &names {
            let name = name.replace(' ', "%20").replace('>', "%3E");
            // It may have gone by itself.
            let _gone = self.ask(Method::DELETE, &format!("/api/connections/{name}"), None);
        }
        Ok(names.len())
    }

    /// One request to the management API; its answer, `Null` where it has none.
    pub fn ask(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let (base, account) = account(&self.management);
        let url = format!("{base}{path}");
        blocking::run(async {
            let mut request = Client::new()
                .request(method, &url)
                .timeout(std::time::Duration::from_secs(30));
            if let Some((user, password)) = account {
                request = request.basic_auth(user, Some(password));
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            let answer = request.send().await?.error_for_status()?;
            let bytes = answer.bytes().await?;
            if bytes.is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(&bytes).context("the answer is not JSON")
        })
        .with_context(|| format!("RabbitMQ's management API, {path}"))
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        // The broker may be gone already.
        let _gone = self.ask(Method::DELETE, &format!("/api/vhosts/{}", self.name), None);
    }
}

/// The account's name in an address.
fn user(url: &str) -> Option<&str> {
    account(url).1.map(|(user, _)| user)
}

/// An address without its account, and the account's name and password.
pub(crate) fn account(url: &str) -> (String, Option<(&str, &str)>) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(host);
    match rest.split_once('@') {
        Some((account, rest)) => (
            format!("{scheme}{rest}"),
            Some(account.split_once(':').unwrap_or((account, ""))),
        ),
        None => (url.to_owned(), None),
    }
}
