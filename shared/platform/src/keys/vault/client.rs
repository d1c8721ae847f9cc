//! Requests to the server, one at a time and again while it is away.

use std::{error::Error, path::PathBuf, sync::mpsc, time::Duration};

use assay_attest::SignerError;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::{Engine, VaultConfig};
use crate::{backoff::Backoff, secret, tls};

/// How long one request may take.
const ANSWER: Duration = Duration::from_secs(5);
/// Bytes of an answer at most.
const MOST: usize = 1 << 20;
/// Between two tries.
const PAUSE: Backoff = Backoff {
    least: Duration::from_millis(100),
    most: Duration::from_secs(2),
};

/// One connection pool, and what goes with every request.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    address: String,
    token_file: PathBuf,
    namespace: Option<HeaderValue>,
}

/// A request under the engine's mount.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// The right that it needs, for the message when it is refused.
    pub(super) capability: &'static str,
}

/// What an answer says: `None` when there is no such thing.
pub(super) type Answer = Option<Value>;

impl Client {
    pub(super) fn open(config: &VaultConfig) -> Result<Self, String> {
        let trusted = tls::client(&config.ca_file).map_err(|error| format!("ca_file: {error}"))?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(ANSWER));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trusted)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let namespace = (!config.namespace.is_empty())
            .then(|| HeaderValue::from_str(&config.namespace))
            .transpose()
            .map_err(|error| format!("namespace: {error}"))?;
        Ok(Self {
            http: Pool::builder(TokioExecutor::new()).build(connector),
            address: config.address.trim_end_matches('/').to_owned(),
            token_file: config.token_file.clone(),
            namespace,
        })
    }

    /// Asks until there is an answer, for `patience` at most while the server is away.
    async fn ask(&self, ask: &Ask, patience: Duration) -> Result<Answer, SignerError> {
        let begun = Instant::now();
        for failures in 0.. {
            let answer = timeout(ANSWER, self.once(ask)).await;
            let error = match answer {
                Ok(Err(error)) if error.passing => error,
                Ok(ended) => return ended,
                Err(_) => passing(format!("no answer in {} s", ANSWER.as_secs())),
            };
            let pause = PAUSE.after(failures);
            if begun.elapsed() + pause >= patience {
                return Err(error);
            }
            sleep(pause).await;
        }
        Err(passing("no answer".to_owned()))
    }

    async fn once(&self, ask: &Ask) -> Result<Answer, SignerError> {
        let request = self.request(ask).map_err(SignerError::lasting)?;
        let answer = self.http.request(request).await.map_err(|error| {
            match tls::refused_certificate(&error) {
                Some(reason) => SignerError::lasting(format!(
                    "{reason}; name the file of its authority in keys.vault.ca_file"
                )),
                None => passing(format!("the server cannot be reached: {}", causes(&error))),
            }
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST).collect().await;
        let body = body
            .map_err(|error| passing(format!("the answer broke off: {error}")))?
            .to_bytes();
        self.understood(ask, status, &body)
    }

    fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, String> {
        // Read anew each time, for an agent may replace it.
        let file = self.token_file.display();
        let token = secret::read(&self.token_file)
            .map_err(|error| format!("the file of the token, {file}: {error}"))?;
        let mut token =
            HeaderValue::from_str(&token).map_err(|_| format!("{file} holds no token"))?;
        token.set_sensitive(true);
        let address: Uri = format!("{}/v1/{}", self.address, ask.path)
            .parse()
            .map_err(|error| format!("{}: {error}", ask.path))?;
        let body = ask.body.as_ref().map(Value::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(address)
            .header("X-Vault-Token", token)
            // Asked for by agents that stand between, so that no page in a browser can use them.
            .header("X-Vault-Request", "true");
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())
    }

    fn understood(
        &self,
        ask: &Ask,
        status: StatusCode,
        body: &[u8],
    ) -> Result<Answer, SignerError> {
        let told: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let said: Vec<&str> = told["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let said = said.join("; ").replace(|one: char| one.is_control(), " ");
        match status {
            _ if status.is_success() => Ok(Some(told["data"].clone())),
            StatusCode::NOT_FOUND if said.is_empty() => Ok(None),
            StatusCode::NOT_FOUND => Err(SignerError::lasting(format!(
                "{said}; is a transit engine mounted there (keys.vault.mount)? `bao secrets enable transit` mounts one"
            ))),
            StatusCode::FORBIDDEN => Err(SignerError::lasting(format!(
                "the server refuses it (403 {said}): the token in {} has expired or been revoked, or lacks a policy with \
                 path \"{}\" {{ capabilities = [\"{}\"] }}",
                self.token_file.display(),
                ask.path,
                ask.capability
            ))),
            StatusCode::SERVICE_UNAVAILABLE => Err(passing(format!(
                "the server answers {status} {said}: it may be sealed or starting"
            ))),
            _ if is_passing(status) => Err(passing(format!("the server answers {status} {said}"))),
            _ if status.is_redirection() => Err(SignerError::lasting(format!(
                "the server answers {status}; name an address that leads to the active node"
            ))),
            _ => Err(SignerError::lasting(format!(
                "the server answers {status}: {said}"
            ))),
        }
    }
}

impl Engine {
    /// Asks and waits for the answer on this thread, whatever it is.
    pub(super) fn ask(&self, ask: Ask, patience: Duration) -> Result<Answer, SignerError> {
        let client = self.0.client.clone();
        let (give, take) = mpsc::sync_channel(1);
        if let Some(runtime) = &self.0.runtime {
            runtime.spawn(async move {
                // Nobody takes it when the one who asked is gone.
                let _taken = give.send(client.ask(&ask, patience).await);
            });
        }
        take.recv()
            .unwrap_or_else(|_| Err(passing("the service is stopping".to_owned())))
    }
}

fn passing(reason: String) -> SignerError {
    SignerError {
        reason,
        passing: true,
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::PRECONDITION_FAILED
        )
}

/// An error with what caused it.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
