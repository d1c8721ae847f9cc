//! A deployment: an API and workers as processes of their own, over servers that the environment names.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use assay_test_parts::Corner;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    assay,
    http::Http,
    run_ok,
    server::{Inputs, submit},
    text,
};

/// How long a worker may say nothing before it has lost its job.
const LEASE: Duration = Duration::from_secs(6);

/// How long a state is waited for: a loaded machine is slow, and what works comes earlier.
const PATIENCE: Duration = Duration::from_secs(180);

/// The services of one deployment.
pub(crate) struct Deployment {
    pub(crate) api: Service,
    pub(crate) workers: Vec<Service>,
    // After the services: they end before what they stand on goes.
    environment: Vec<(String, String)>,
    folder: TempDir,
    pub(crate) corner: Corner,
}

/// One process of it; killed when dropped.
pub(crate) struct Service {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
    /// Its address, if it has one.
    pub(crate) url: String,
}

impl Deployment {
    /// Starts an API and so many workers, with these settings beside those that name the servers.
    pub(crate) fn start(workers: usize, settings: &[(&str, &str)]) -> Self {
        let mut this = Self::laid_out(workers, settings);
        this.api.start();
        this.workers.iter_mut().for_each(Service::start);
        this
    }

    /// The same with nothing started yet.
    pub(crate) fn laid_out(workers: usize, settings: &[(&str, &str)]) -> Self {
        let corner = Corner::create().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secrets = folder.path().join("secrets");
        let count = workers.to_string();
        let dir = text(&secrets);
        run_ok(&["keys", "init", "--workers", &count, "--scan", "--dir", dir]);
        let mut environment = corner.environment();
        let lease = LEASE.as_secs().to_string();
        for (name, value) in [
            ("ASSAY__KEYS__DIR", text(&secrets)),
            ("ASSAY__LEASE_SECONDS", lease.as_str()),
            ("ASSAY__TRAINER_THREADS", "1"),
        ]
        .iter()
        .chain(settings)
        {
            environment.push(((*name).to_owned(), (*value).to_owned()));
        }
        prepare(&environment, folder.path());
        Self {
            api: Service::new(
                folder.path(),
                "api",
                &["--listen", "127.0.0.1:0"],
                &environment,
            ),
            workers: (1..=workers)
                .map(|number| worker(folder.path(), number, &environment))
                .collect(),
            environment,
            folder,
            corner,
        }
    }

    /// A scanner of it, not started yet.
    pub(crate) fn scanner(&self) -> Service {
        let listen = ["--listen", "127.0.0.1:0"];
        Service::new(self.folder.path(), "scanner", &listen, &self.environment)
    }

    /// Requests to the API.
    pub(crate) fn http(&self) -> Http {
        Http::new(&self.api.url)
    }

    /// Runs a client command against the API, which must succeed.
    pub(crate) fn client(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--server", &self.api.url];
        all.extend(arguments);
        run_ok(&all)
    }

    /// Hands in a job without waiting; gives its id.
    pub(crate) fn submit(&self, inputs: &Inputs, parameters: &[&str]) -> String {
        submit(&self.api.url, inputs, parameters)
    }

    /// A job as the API shows it.
    pub(crate) fn job(&self, id: &str) -> Value {
        self.http().get(&format!("/jobs/{id}")).json()
    }

    /// Waits until a job is so.
    pub(crate) fn wait_for(&self, id: &str, what: impl Fn(&Value) -> bool) -> Value {
        self.until(id, || {
            let job = self.job(id);
            if what(&job) { Ok(job) } else { Err(job) }
        })
    }

    /// Waits until something is so; `look` gives it, or what is there instead.
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn() -> Result<T, Value>) -> T {
        let begun = Instant::now();
        loop {
            match look() {
                Ok(found) => return found,
                Err(instead) => assert!(
                    begun.elapsed() < PATIENCE,
                    "{what} stays {instead}\n{}",
                    self.logs()
                ),
            }
            // Polling a state, not guessing how long a thing takes.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Which of the workers has a job in its first attempt, from 0. Names tell no order, so the logs do.
    pub(crate) fn worker_of(&self, id: &str) -> usize {
        let has = |log: &str| log.contains(id) && log.contains("job claimed");
        self.until("the job's worker", || {
            let found = self.workers.iter().position(|one| has(&one.log()));
            found.ok_or(Value::Null)
        })
    }

    /// Waits until a worker has said this in its log.
    pub(crate) fn until_said(&self, worker: usize, text: &str) {
        self.until(text, || {
            let said = self.workers[worker].log().contains(text);
            said.then_some(()).ok_or(Value::Null)
        });
    }

    /// Waits for a job's end.
    pub(crate) fn wait(&self, id: &str) -> Value {
        self.wait_for(id, |job| {
            !matches!(job["status"].as_str(), Some("queued" | "running"))
        })
    }

    /// The workers' states by their names, once so many are listed.
    pub(crate) fn worker_states(&self, count: usize) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.until("the list of workers", || {
            let answer = self.http().get("/workers").json();
            let workers = answer["workers"].as_array().unwrap();
            if workers.len() < count {
                return Err(answer);
            }
            let states = workers
                .iter()
                .map(|one| (text(&one["name"]), text(&one["state"])));
            Ok(states.collect())
        })
    }

    /// One more worker, not started, with the key of the first and a folder of its own.
    pub(crate) fn namesake(&self, name: &str) -> Service {
        let mut environment = self.environment.clone();
        environment.push(("ASSAY__KEYS__NAME".to_owned(), "1".to_owned()));
        let more = ["--listen", "127.0.0.1:0"];
        Service::new(self.folder.path(), name, &more, &environment)
    }

    /// The folder in which a service of this name works.
    pub(crate) fn folder_of(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What happened to a job so far.
    pub(crate) fn events(&self, id: &str) -> Vec<Value> {
        let events = self.http().get(&format!("/jobs/{id}/events?follow=false"));
        String::from_utf8_lossy(&events.body)
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter_map(|data| serde_json::from_str(data).ok())
            .collect()
    }

    /// How often a job's events say that it reached this status.
    pub(crate) fn times(&self, id: &str, status: &str) -> usize {
        let events = self.events(id);
        let so = |entry: &&Value| entry["event"]["status"] == status;
        events.iter().filter(so).count()
    }

    /// Fetches a job's bundle, which must verify.
    pub(crate) fn verify(&self, id: &str) -> PathBuf {
        let bundle = self.folder.path().join("bundles").join(id);
        self.client(&["get", id, text(&bundle)]);
        let trust = self.folder.path().join("secrets/trust.json");
        run_ok(&["verify", text(&bundle), "--trust", text(&trust)]);
        bundle
    }

    /// Runs an administrative command with this deployment's settings, which must succeed.
    pub(crate) fn administer(&self, arguments: &[&str]) -> String {
        let output = Command::new(assay())
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn logs(&self) -> String {
        let tail = |service: &Service| {
            let log = service.log();
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(15)..].join("\n")
        };
        self.workers
            .iter()
            .chain([&self.api])
            .map(tail)
            .collect::<Vec<_>>()
            .join("\n---\n")
    }
}

fn prepare(environment: &[(String, String)], folder: &Path) {
    let output = Command::new(assay())
        .args(["prepare", "--dir", text(&folder.join("prepare"))])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn worker(folder: &Path, number: usize, environment: &[(String, String)]) -> Service {
    let mut environment = environment.to_vec();
    environment.push(("ASSAY__KEYS__NAME".to_owned(), number.to_string()));
    let name = format!("worker-{number}");
    Service::new(folder, &name, &["--listen", "127.0.0.1:0"], &environment)
}

impl Service {
    /// One of this name, which begins with the command that it is.
    fn new(folder: &Path, name: &str, more: &[&str], environment: &[(String, String)]) -> Self {
        let (command, _) = name.split_once('-').unwrap_or((name, ""));
        let dir = folder.join(name);
        let mut arguments = vec![command, "--json", "--dir", text(&dir)];
        arguments.extend(more);
        Self {
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            environment: environment.to_vec(),
            log: folder.join(format!("{name}.log")),
            child: None,
            url: String::new(),
        }
    }

    /// Gives it a setting of its own, before it starts.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// A setting that it was given.
    pub(crate) fn setting(&self, name: &str) -> &str {
        let found = self.environment.iter().rev().find(|(one, _)| one == name);
        found.map_or("", |(_, value)| value)
    }

    /// Starts it, again too, and waits until it is ready. It keeps its address.
    pub(crate) fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let mut child = Command::new(assay())
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        self.child = Some(child);
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{:?} did not start: {}", self.arguments, self.log()));
        started["url"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut self.url);
        if let Some(address) = self.url.strip_prefix("http://") {
            let at = self
                .arguments
                .iter()
                .position(|one| one == "--listen")
                .unwrap();
            address.clone_into(&mut self.arguments[at + 1]);
        }
    }

    /// Ends it at once (SIGKILL).
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to end (SIGTERM) and waits; gives whether it ended well.
    pub(crate) fn end(&mut self) -> bool {
        self.signal(Signal::SIGTERM);
        self.child.take().unwrap().wait().unwrap().success()
    }

    /// Waits until it has ended by itself; gives whether it ended well.
    pub(crate) fn wait(&mut self) -> bool {
        self.child.take().unwrap().wait().unwrap().success()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().unwrap().id();
        kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
