use std::fmt;

use lapin::{Connection, ConnectionProperties, tcp::OwnedTLSConfig, uri::AMQPUri};

use crate::{
    queue::{QueueConfig, QueueError},
    secret, tls,
};

/// Seconds after which a silent connection is given up.
const HEARTBEAT_SECONDS: u16 = 10;
/// Milliseconds that the network may take to connect.
const CONNECT_MILLIS: u64 = 10_000;
/// Names on a broker have 255 bytes at most (AMQP 0-9-1, `shortstr`).
const MAX_PREFIX: usize = 100;

/// Where the broker is and who we are there. Shown without the password.
#[derive(Clone)]
pub(super) struct Address {
    uri: AMQPUri,
    /// Certificates of authorities, where the configuration names some.
    authorities: Option<String>,
}

impl Address {
    /// # Errors
    /// [`QueueError::Config`] names the setting.
    pub(super) fn read(config: &QueueConfig) -> Result<Self, QueueError> {
        let wrong = |text: String| QueueError::Config(text);
        if config.prefix.len() > MAX_PREFIX {
            return Err(wrong(format!(
                "queue.prefix may have {MAX_PREFIX} bytes at most"
            )));
        }
        let authority = config.url.split_once("://").map_or("", |(_, rest)| rest);
        let user = authority.split_once('@').map(|(user, _)| user);
        if user.is_some_and(|user| user.contains(':')) {
            return Err(wrong(
                "queue.url holds a password; write it into a file that only this service can read and name that in queue.password_file"
                    .to_owned(),
            ));
        }
        let mut uri: AMQPUri = config.url.parse().map_err(|error| {
            wrong(format!(
                "queue.url must be of the form amqp://user@host:5672/vhost (amqps:// for TLS): {error}"
            ))
        })?;
        uri.authority.userinfo.password = password(config)?;
        uri.query.heartbeat = Some(HEARTBEAT_SECONDS);
        uri.query.connection_timeout = Some(CONNECT_MILLIS);
        let authorities = tls::authorities(&config.ca_file)
            .map_err(|error| wrong(format!("queue.ca_file: {error}")))?;
        Ok(Self { uri, authorities })
    }

    /// Makes a connection.
    pub(super) async fn connect(
        &self,
        properties: ConnectionProperties,
    ) -> lapin::Result<Connection> {
        let trusted = OwnedTLSConfig {
            identity: None,
            cert_chain: self.authorities.clone(),
        };
        let runtime = lapin::runtime::default_runtime()?;
        Connection::connect_uri_with_config(self.uri.clone(), properties, trusted, runtime).await
    }

    pub(super) fn user(&self) -> &str {
        &self.uri.authority.userinfo.username
    }
}

fn password(config: &QueueConfig) -> Result<String, QueueError> {
    let path = &config.password_file;
    if path.as_os_str().is_empty() {
        return Ok(String::new());
    }
    secret::read(path).map_err(|error| {
        QueueError::Config(format!("queue.password_file {}: {error}", path.display()))
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        write!(
            f,
            "{}:{} (virtual host {})",
            authority.host, authority.port, self.uri.vhost
        )
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> QueueConfig {
        QueueConfig {
            url: url.to_owned(),
            ..crate::queue::tests::config()
        }
    }

    #[test]
    fn a_password_comes_from_its_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "s3cret word\n").unwrap();
        let config = QueueConfig {
            password_file: file,
            ..config("amqp://worker@broker:1234/jobs")
        };
        let address = Address::read(&config).unwrap();
        let uri = &address.uri;
        assert_eq!(uri.authority.userinfo.username, "worker");
        assert_eq!(uri.authority.userinfo.password, "s3cret word");
        assert_eq!(uri.vhost, "jobs");
        for text in [format!("{address}"), format!("{address:?}")] {
            assert!(
                text.contains("broker:1234") && !text.contains("s3cret"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_what_to_do() {
        let refused = |config: &QueueConfig| Address::read(config).unwrap_err().to_string();
        let text = refused(&config("amqp://worker:s3cret@broker/"));
        assert!(
            text.contains("password_file") && !text.contains("s3cret"),
            "{text}"
        );
        assert!(refused(&config("redis://broker")).contains("amqp://"));
        let missing = QueueConfig {
            password_file: "/no/such/file".into(),
            ..config("amqp://worker@broker/")
        };
        assert!(refused(&missing).contains("/no/such/file"));
        let untrusting = QueueConfig {
            ca_file: "/no/such/authority".into(),
            ..config("amqps://worker@broker/")
        };
        assert!(refused(&untrusting).contains("queue.ca_file: /no/such/authority"));
    }
}
