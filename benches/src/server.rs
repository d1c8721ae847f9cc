//! `assay up` as a child process, and jobs handed in to it.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tempfile::TempDir;

use crate::data::Inputs;

/// A running server over a folder of its own; ended when dropped.
pub(crate) struct Server {
    child: Child,
    _folder: TempDir,
    /// Its address, as `http://127.0.0.1:1234`.
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::start_with(&HashMap::new())
    }

    /// Starts one with these environment variables, as `ASSAY__SANDBOX__KIND`.
    pub(crate) fn start_with(settings: &HashMap<&str, String>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut child = Command::new(beside_us("assay")?)
            .args(["up", "--json", "--listen", "127.0.0.1:0", "--dir"])
            .arg(folder.path().join("data"))
            .envs(settings)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let started: Value = serde_json::from_str(&line).context("the server did not start")?;
        let url = started["url"].as_str().context("no url")?.to_owned();
        Ok(Self {
            child,
            _folder: folder,
            url,
        })
    }

    /// Resident memory in kB: now, and the most so far (Linux, `/proc/PID/status`).
    pub(crate) fn memory(&self) -> anyhow::Result<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .and_then(|rest| rest.split_whitespace().next())
                .and_then(|number| number.parse().ok())
                .with_context(|| format!("no {name} in /proc"))
        };
        Ok((field("VmRSS:")?, field("VmHWM:")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of the same build.
pub(crate) fn beside_us(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    if !program.exists() {
        bail!(
            "{} is missing; run: cargo build --release --workspace",
            program.display()
        );
    }
    Ok(program)
}

/// A client without proxies.
pub(crate) fn http() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

/// Hands in a job; gives its id.
pub(crate) async fn submit(
    http: &reqwest::Client,
    url: &str,
    inputs: &Inputs,
    parameters: &[(&str, &str)],
) -> anyhow::Result<String> {
    let (name, bytes) = &inputs.dataset;
    let mut form = Form::new()
        .text("framework", "candle")
        .part(
            "model",
            Part::bytes(inputs.model.clone()).file_name("model.keras"),
        )
        .part("dataset", Part::bytes(bytes.clone()).file_name(*name))
        .part(
            "dataset_definition",
            Part::text(inputs.definition.clone()).file_name("definition.yaml"),
        );
    for (key, value) in parameters {
        form = form.text((*key).to_owned(), (*value).to_owned());
    }
    let answer: Value = json(
        http.post(format!("{url}/submit_job_by_model_and_data"))
            .multipart(form),
    )
    .await?;
    match answer["job_id"].as_str() {
        Some(job) => Ok(job.to_owned()),
        None => bail!("refused: {answer}"),
    }
}

/// Waits until a job has ended by following its events; gives the whole job.
pub(crate) async fn wait(http: &reqwest::Client, url: &str, job: &str) -> anyhow::Result<Value> {
    // The stream of events ends when the job does.
    http.get(format!("{url}/jobs/{job}/events"))
        .send()
        .await?
        .bytes()
        .await?;
    let job: Value = json(http.get(format!("{url}/jobs/{job}"))).await?;
    if job["status"] != "completed" {
        bail!("not completed: {job}");
    }
    Ok(job)
}

/// A request's answer as JSON.
pub(crate) async fn json(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(
        &request.send().await?.bytes().await?,
    )?)
}
