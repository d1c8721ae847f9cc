use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::Context as _;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::random::Random;

/// How long one request may take while servers come and go.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a job has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Completed, with one proof.
    Completed,
    /// Failed by its user's fault, with this code, and never tried again for it.
    Failed(&'static str),
}

/// The files of the jobs.
#[derive(Debug)]
pub(crate) struct Inputs {
    model: Vec<u8>,
    dataset: Vec<u8>,
    /// The same table with numbers that no training survives.
    diverging: Vec<u8>,
    definition: String,
}

/// Hands in jobs, and asks about them.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    /// What was accepted: the job's id, and how it has to end.
    pub(crate) accepted: BTreeMap<String, Expected>,
    /// Submissions that got no answer, or one that said to try again.
    pub(crate) unanswered: usize,
}

impl Inputs {
    /// Reads a sample's files.
    pub(crate) fn read(dir: &Path) -> anyhow::Result<Self> {
        let dataset = std::fs::read_to_string(dir.join("wine.csv"))?;
        let (header, rows) = dataset.split_once('\n').context("the sample has no rows")?;
        let huge: String = rows
            .lines()
            .filter_map(|row| row.split_once(','))
            .map(|(_, rest)| format!("3e38,{rest}\n"))
            .collect();
        Ok(Self {
            model: std::fs::read(dir.join("model.keras"))?,
            diverging: format!("{header}\n{huge}").into_bytes(),
            dataset: dataset.into_bytes(),
            definition: std::fs::read_to_string(dir.join("definition.yaml"))?,
        })
    }

    fn form(&self, expected: Expected, epochs: usize, name: &str) -> Form {
        let (dataset, definition) = match expected {
            Expected::Completed => (&self.dataset, self.definition.clone()),
            Expected::Failed(_) => (
                &self.diverging,
                self.definition
                    .replace("normalize: true", "normalize: false"),
            ),
        };
        let file = |bytes: &[u8], name: &'static str| Part::bytes(bytes.to_vec()).file_name(name);
        Form::new()
            .text("framework", "candle")
            .text("epochs", epochs.to_string())
            .text("model_name", name.to_owned())
            .part("model", file(&self.model, "model.keras"))
            .part("dataset", file(dataset, "wine.csv"))
            .part(
                "dataset_definition",
                file(definition.as_bytes(), "definition.yaml"),
            )
    }
}

impl Client {
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            http,
            url: url.to_owned(),
            accepted: BTreeMap::new(),
            unanswered: 0,
        })
    }

    /// Hands in one job, short or a little longer; one in ten cannot be trained. Without an answer it may be accepted or
    /// not, and is not counted: what the list of jobs has of it at the end must have ended, too.
    pub(crate) async fn submit(&mut self, inputs: &Inputs, random: &mut Random) {
        let expected = match random.below(10) {
            0 => Expected::Failed("training.diverged"),
            _ => Expected::Completed,
        };
        let epochs = 1 + random.below(60);
        let name = match expected {
            Expected::Completed => "short",
            Expected::Failed(_) => "diverging",
        };
        let form = inputs.form(expected, epochs, name);
        let sent = self
            .http
            .post(format!("{}/submit_job_by_model_and_data", self.url))
            .multipart(form)
            .send();
        let answer = async { sent.await?.error_for_status()?.json::<Value>().await };
        match answer.await {
            Ok(answer) if answer["job_id"].is_string() => {
                let id = answer["job_id"].as_str().unwrap_or_default().to_owned();
                self.accepted.insert(id, expected);
            }
            _ => self.unanswered += 1,
        }
    }

    /// GET of a document.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// GET of a text.
    pub(crate) async fn text(&self, path: &str) -> anyhow::Result<String> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// Jobs in these statuses.
    pub(crate) async fn jobs(&self, query: &str) -> anyhow::Result<Vec<Value>> {
        let mut jobs: Vec<Value> = Vec::new();
        let mut before = String::new();
        loop {
            let page = self.get(&format!("/jobs?limit=100{query}{before}")).await?;
            let page = page["jobs"].as_array().cloned().unwrap_or_default();
            let Some(last) = page.last().and_then(|job| job["job_id"].as_str()) else {
                return Ok(jobs);
            };
            before = format!("&before={last}");
            jobs.extend(page);
        }
    }

    /// Jobs that have not ended.
    pub(crate) async fn open(&self) -> anyhow::Result<usize> {
        Ok(self.jobs("&status=queued&status=running").await?.len())
    }
}
