//! The server, as the client commands see it.

mod elsewhere;
mod events;

use std::{path::Path, sync::Arc};

use anyhow::{Context, bail};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use indicatif::ProgressBar;
use reqwest::{Response, StatusCode, multipart::Form};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use elsewhere::Elsewhere;
pub(crate) use events::JobStream;

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    elsewhere: Arc<Elsewhere>,
}

impl Client {
    /// A client of the server at `base`, as `http://127.0.0.1:8000`, which trusts the authorities in `ca_file` on the way
    /// to where the server keeps its bytes.
    pub(crate) fn new(base: &str, ca_file: Option<&Path>) -> anyhow::Result<Self> {
        let base = base.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") {
            bail!("the server's address must begin with http://, as http://127.0.0.1:8000");
        }
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self {
            http,
            base,
            elsewhere: Arc::new(Elsewhere::trusting(ca_file)),
        })
    }

    /// The server's address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Hands in a job.
    pub(crate) async fn submit(&self, form: Form) -> anyhow::Result<Value> {
        let request = self
            .http
            .post(format!("{}/submit_job_by_model_and_data", self.base))
            .multipart(form);
        json(self.answer(request).await?).await
    }

    /// GET of a JSON document, by path and query.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        json(self.open(path).await?).await
    }

    /// POST without a body, with the answer's document.
    pub(crate) async fn post(&self, path: &str) -> anyhow::Result<Value> {
        json(
            self.answer(self.http.post(format!("{}{path}", self.base)))
                .await?,
        )
        .await
    }

    /// DELETE, with the answer's document.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        json(
            self.answer(self.http.delete(format!("{}{path}", self.base)))
                .await?,
        )
        .await
    }

    /// The whole truth about a job.
    pub(crate) async fn job(&self, job: &str) -> anyhow::Result<Value> {
        self.get(&format!("/jobs/{}", segment(job))).await
    }

    /// What happens to a job from its beginning on: to its end, or up to now for one who does not follow.
    pub(crate) async fn events(&self, job: &str, follow: bool) -> anyhow::Result<JobStream> {
        JobStream::open(self.clone(), job, follow).await
    }

    /// Writes the bytes behind a link to a new file, counting them on the bar. A link is a path of the server, or leads to
    /// where the server keeps the bytes.
    pub(crate) async fn download(
        &self,
        (link, bytes): (&str, u64),
        to: &Path,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let mut left = bytes;
        let mut chunks = self.follow(link).await?;
        let mut file = tokio::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(to)
            .await
            .with_context(|| format!("cannot write {}", to.display()))?;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            // An answer without an end would fill the disk.
            left = left.checked_sub(chunk.len() as u64).with_context(|| {
                format!(
                    "the server sends more than the {bytes} bytes that it announced for {}",
                    to.display()
                )
            })?;
            bar.inc(chunk.len() as u64);
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        Ok(())
    }

    async fn follow(
        &self,
        link: &str,
    ) -> anyhow::Result<BoxStream<'static, anyhow::Result<Bytes>>> {
        if !link.starts_with('/') {
            return self.elsewhere.open(link).await;
        }
        let chunks = self.open(link).await?.bytes_stream();
        Ok(chunks.map_err(anyhow::Error::from).boxed())
    }

    async fn open(&self, path: &str) -> anyhow::Result<Response> {
        self.answer(self.http.get(format!("{}{path}", self.base)))
            .await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.map_err(|error| {
            let base = &self.base;
            if error.is_connect() {
                anyhow::anyhow!(
                    "nothing listens at {base}; start it with `assay up`, or name another with --server"
                )
            } else {
                anyhow::Error::from(error).context(format!("no answer from {base}"))
            }
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        Err(refusal(status, &text))
    }
}

/// A path segment that names one thing, whatever a person typed.
pub(crate) fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

async fn json(response: Response) -> anyhow::Result<Value> {
    serde_json::from_slice(&response.bytes().await?).context("the server's answer is not JSON")
}

/// An RFC 9457 problem as an error for people: what is wrong, with which field, under which code.
fn refusal(status: StatusCode, text: &str) -> anyhow::Error {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(detail) = problem["detail"].as_str() else {
        return anyhow::anyhow!("the server answered {status}");
    };
    let code = problem["code"].as_str().unwrap_or("no code");
    match problem["field"].as_str() {
        Some(field) => anyhow::anyhow!("{detail} ({field}: {code})"),
        None => anyhow::anyhow!("{detail} ({code})"),
    }
}
