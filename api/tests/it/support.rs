//! A service in a folder of its own, and what its clients do.

mod complete;
pub(crate) mod http;

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use assay_api::ApiError;
use assay_platform::{
    Config, Platform,
    ids::JobId,
    sandbox::{Mechanism, ProcessSandbox, Program, Sandbox},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

pub(crate) use http::{Answer, Part};

/// Far longer than anything here takes; a test that waits this long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A running service.
pub(crate) struct Bench {
    pub(crate) platform: Platform,
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), ApiError>>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::in_dir(folder.path().join("assay")).unwrap();
        config.trainer_threads = 1;
        change(&mut config);
        let mut platform = Platform::open(config).await.unwrap();
        let program = Program {
            path: PathBuf::from(env!("CARGO_BIN_EXE_scripted-checker")),
            args: Vec::new(),
        };
        platform.checks = Arc::new(Sandbox::Process(ProcessSandbox {
            launcher: program.clone(),
            trainer: program,
            // The machine that tests may be short of any of them; what each gives is tested elsewhere.
            allow_missing: Mechanism::ALL.into(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(assay_api::run(platform.clone(), listener, stopping));
        Self {
            platform,
            address,
            folder,
            stop,
            task,
        }
    }

    /// Stops the service as a shutdown does, and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(LONG, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        http::ask(self.address, "GET", path, &[], &[]).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        http::ask(self.address, method, path, headers, &[]).await
    }

    /// POSTs a form.
    pub(crate) async fn post(&self, path: &str, parts: &[Part<'_>]) -> Answer {
        http::post(self.address, path, parts).await
    }

    /// Hands in a good job; gives its id and folder.
    pub(crate) async fn submit(&self) -> (JobId, String) {
        let answer = self.post(SUBMIT, &good()).await;
        let accepted = answer.json(200);
        let text = |key: &str| accepted[key].as_str().unwrap().to_owned();
        (text("job_id").parse().unwrap(), text("unique_dir"))
    }

    /// Every object in the store, every upload under way, every room, and the number of jobs.
    pub(crate) async fn kept(&self) -> (BTreeSet<PathBuf>, usize) {
        let mut files = BTreeSet::new();
        for folder in ["store", "rooms"] {
            walk(&self.folder.path().join("assay").join(folder), &mut files);
        }
        let jobs = self.get("/jobs").await.json(200);
        (files, jobs["jobs"].as_array().unwrap().len())
    }

    /// The bytes of an artifact, fetched as a client does.
    pub(crate) async fn fetch(&self, id: JobId, name: &str) -> Vec<u8> {
        let link = self
            .get(&format!("/job_artifacts/{id}/{name}"))
            .await
            .json(200);
        let url = link["url"].as_str().unwrap();
        let path = url
            .strip_prefix(&format!("http://{}", self.address))
            .unwrap();
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200);
        answer.body
    }
}

/// The route that takes jobs in.
pub(crate) const SUBMIT: &str = "/submit_job_by_model_and_data";

/// The parts of a good job.
pub(crate) fn good() -> Vec<Part<'static>> {
    vec![
        Part::file("model", "small.keras", b"the model"),
        Part::file("dataset", "small.csv", b"a,b\n1,2\n"),
        Part::file("dataset_definition", "small.yaml", b"type: csv\n"),
        Part::text("framework", "candle"),
        Part::text("epochs", "2"),
        Part::text("model_name", "small"),
    ]
}

fn walk(dir: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.insert(path);
        }
    }
}

/// The checks of a verification that did not pass, by name.
pub(crate) fn not_passed(answer: &Value) -> Vec<&str> {
    let checks = answer["checks"].as_array().unwrap();
    checks
        .iter()
        .filter(|check| check["outcome"] != "passed")
        .map(|check| check["name"].as_str().unwrap())
        .collect()
}
