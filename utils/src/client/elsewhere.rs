//! Bytes that a server does not serve itself: behind a signed link to its store, over HTTP or HTTPS.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use assay_platform::tls;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use http_body_util::{BodyExt, Empty};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::sync::OnceCell;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Fetches what signed links lead to.
#[derive(Debug)]
pub(super) struct Elsewhere {
    ca_file: PathBuf,
    /// Made for the first link: most commands follow none, and reading a machine's certificates takes a while.
    http: OnceCell<Http>,
}

impl Elsewhere {
    /// One that trusts the authorities of this machine and those in `ca_file`.
    pub(super) fn trusting(ca_file: Option<&Path>) -> Self {
        Self {
            ca_file: ca_file.map(Path::to_owned).unwrap_or_default(),
            http: OnceCell::new(),
        }
    }

    /// The bytes behind a link.
    pub(super) async fn open(
        &self,
        link: &str,
    ) -> anyhow::Result<BoxStream<'static, anyhow::Result<Bytes>>> {
        if !link.starts_with("http://") && !link.starts_with("https://") {
            bail!("the server gives the link {link:?}, which is neither http nor https");
        }
        // A link is signed: whoever reads it in a message could follow it.
        let host = link.split('/').nth(2).unwrap_or_default();
        let Ok(address) = link.parse() else {
            bail!("the server's link to {host} is no address");
        };
        let http = self.http.get_or_try_init(async || self.connector()).await?;
        let answer = http.get(address).await.map_err(|error| {
            match tls::refused_certificate(&error) {
                Some(reason) => anyhow!(
                    "no connection to {host}, where the server keeps the bytes: {reason}; name the file of its authority \
                     with --ca-file"
                ),
                None => anyhow::Error::from(error)
                    .context(format!("no answer from {host}, where the server keeps the bytes")),
            }
        })?;
        if !answer.status().is_success() {
            bail!(
                "{host}, where the server keeps the bytes, answered {}; a link is valid for a while only: try again",
                answer.status()
            );
        }
        let chunks = answer.into_body().into_data_stream();
        Ok(chunks.map_err(anyhow::Error::from).boxed())
    }

    fn connector(&self) -> anyhow::Result<Http> {
        let trusted = tls::client(&self.ca_file).context("--ca-file")?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trusted)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Client::builder(TokioExecutor::new()).build(connector))
    }
}
