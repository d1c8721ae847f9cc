use std::{path::PathBuf, sync::Arc, time::Duration};

use assay_attest::{
    INGEST, ingest_command,
    intoto::{Link, link_file_name, sign},
    json::jcs,
};
use assay_platform::{
    Config, Platform, PlatformError,
    ids::{JobId, UniqueDir},
    job::{Artifact, Class, Job, JobEvent, LoggedEvent, NewJob, Priority, Role, Status},
    sandbox::{Mechanism, ProcessSandbox, Program, Sandbox},
};
use assay_protocol::{AibomVersion, Framework, JobRequest, Metadata, Parameters};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::{sync::watch, task::JoinHandle};

/// Far longer than anything here takes; a test that waits this long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A platform in a folder of its own.
pub(crate) struct Bench {
    pub(crate) platform: Platform,
    pub(crate) folder: TempDir,
}

/// A worker at work.
pub(crate) struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), assay_worker::WorkerError>>,
}

impl Worker {
    /// Stops the worker as a shutdown does, and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(LONG, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path().join("assay"));
        change(&mut config);
        let platform = open(config).await;
        Self { platform, folder }
    }

    pub(crate) fn work(&self) -> Worker {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(assay_worker::run(self.platform.clone(), stopped));
        Worker { stop, task }
    }

    /// Hands in a job whose trainer will play `part`, as the service does.
    pub(crate) async fn submit(&self, part: &str) -> JobId {
        self.submit_for(part, 2).await
    }

    /// Likewise, with a place in line.
    pub(crate) async fn submit_at(&self, part: &str, priority: Priority) -> JobId {
        self.hand_in(part, 2, priority).await
    }

    /// Likewise, with so many epochs asked for.
    pub(crate) async fn submit_for(&self, part: &str, epochs: u32) -> JobId {
        self.hand_in(part, epochs, Priority::Normal).await
    }

    async fn hand_in(&self, part: &str, epochs: u32, priority: Priority) -> JobId {
        let job = self.new_job(part, epochs, priority).await;
        self.platform.db.insert_job(&job).await.unwrap();
        job.id
    }

    /// A job as the service is about to write it, its objects stored.
    pub(crate) async fn new_job(&self, part: &str, epochs: u32, priority: Priority) -> NewJob {
        let id = JobId::new();
        let store = &self.platform.store;
        let unique_dir = UniqueDir::new();
        let request = request(epochs);
        let parameters = jcs(&serde_json::to_value(&request).unwrap());
        let files: [(Role, &str, &[u8]); 4] = [
            (Role::Model, "model/small.keras", b"the model"),
            (Role::Dataset, "dataset/small.csv", part.as_bytes()),
            (
                Role::DatasetDefinition,
                "dataset_definition/small.yaml",
                b"type: csv",
            ),
            (Role::Parameters, "parameters.json", &parameters),
        ];
        let mut link = Link::new(INGEST, ingest_command());
        link.environment.insert(
            "job".to_owned(),
            serde_json::json!({ "id": id.to_string() }),
        );
        let mut artifacts = Vec::new();
        for (role, name, bytes) in files {
            let stored = store.put_bytes(bytes).await.unwrap();
            let path = format!("{unique_dir}/inputs/{name}");
            link.products.insert(path.clone(), stored.digest);
            artifacts.push(Artifact {
                path,
                role,
                digest: stored.digest,
                bytes: stored.bytes,
            });
        }
        let keys = &self.platform.keys;
        let link = sign(&link, keys.api().unwrap()).unwrap();
        let name = link_file_name(INGEST, &keys.api().unwrap().keyid());
        for (role, name, bytes) in [
            (Role::IngestLink, name.as_str(), link.as_slice()),
            (Role::Layout, "layout.json", keys.layout()),
        ] {
            let stored = store.put_bytes(bytes).await.unwrap();
            artifacts.push(Artifact {
                path: format!("{unique_dir}/{name}"),
                role,
                digest: stored.digest,
                bytes: stored.bytes,
            });
        }
        NewJob {
            id,
            unique_dir,
            request,
            class: Class::Cpu,
            priority,
            traceparent: None,
            submitted_at: OffsetDateTime::now_utc(),
            artifacts,
        }
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.platform.db.job(id).await.unwrap().unwrap()
    }

    /// Waits until `reached` says so of the job, looking whenever there is news of it.
    pub(crate) async fn until(&self, id: JobId, reached: impl Fn(&Job) -> bool) -> Job {
        let mut news = self.platform.subscribe();
        let wait = async {
            loop {
                let job = self.job(id).await;
                if reached(&job) {
                    return job;
                }
                // Lagging means news, too.
                let _told = news.recv().await;
            }
        };
        match tokio::time::timeout(LONG, wait).await {
            Ok(job) => job,
            Err(_) => panic!("waited in vain: {:?}", self.job(id).await),
        }
    }

    pub(crate) async fn ended(&self, id: JobId) -> Job {
        self.until(id, |job| job.status.is_terminal()).await
    }

    pub(crate) async fn running(&self, id: JobId) -> Job {
        self.until(id, |job| job.status == Status::Running).await
    }

    /// Runs one job to its end with a worker of its own.
    pub(crate) async fn run(&self, part: &str) -> Job {
        let worker = self.work();
        let id = self.submit(part).await;
        let job = self.ended(id).await;
        worker.stop().await;
        job
    }

    pub(crate) async fn events(&self, id: JobId) -> Vec<LoggedEvent> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.platform.db.events(id, after, 1000).await.unwrap();
            let Some(last) = page.last() else { return all };
            after = last.id;
            all.extend(page);
        }
    }

    /// How often the job's status became `status`.
    pub(crate) async fn times_became(&self, id: JobId, status: Status) -> usize {
        self.events(id)
            .await
            .iter()
            .filter(|logged| matches!(logged.event, JobEvent::Status { status: became } if became == status))
            .count()
    }

    /// Objects in the store that no artifact names.
    pub(crate) async fn unnamed_objects(&self) -> usize {
        let Platform { db, store, .. } = &self.platform;
        let mut unnamed = 0;
        for first in 0..=u8::MAX {
            for digest in store.objects_under(&format!("{first:02x}")).await.unwrap() {
                unnamed += usize::from(!db.object_is_referenced(digest).await.unwrap());
            }
        }
        unnamed
    }

    pub(crate) async fn outputs(&self, id: JobId) -> Vec<Artifact> {
        let mut artifacts = self.platform.db.artifacts(id).await.unwrap();
        artifacts.retain(|artifact| artifact.role == Role::Output);
        artifacts
    }
}

/// Opens a platform whose sandbox runs the scripted trainer; one that was closed may still be about to let go of the folder.
pub(crate) async fn open(config: Config) -> Platform {
    let until_free = async {
        loop {
            match Platform::open(config.clone()).await {
                Err(PlatformError::Locked(_)) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                opened => return opened.unwrap(),
            }
        }
    };
    let mut platform = tokio::time::timeout(LONG, until_free).await.unwrap();
    let program = |args: &[&str]| Program {
        path: PathBuf::from(env!("CARGO_BIN_EXE_scripted-trainer")),
        args: args.iter().map(|one| (*one).to_owned()).collect(),
    };
    platform.sandbox = Arc::new(Sandbox::Process(ProcessSandbox {
        launcher: program(&[]),
        trainer: program(&[]),
        // The machine that tests may be short of any of them; what each gives is tested elsewhere.
        allow_missing: Mechanism::ALL.into(),
    }));
    platform
}

pub(crate) fn config(dir: PathBuf) -> Config {
    Config::in_dir(dir).unwrap()
}

fn request(epochs: u32) -> JobRequest {
    JobRequest {
        framework: Framework::Candle,
        metadata: Metadata {
            model_name: Some("small".into()),
            license_name: Some("Apache-2.0".into()),
            ..Metadata::default()
        },
        parameters: Parameters {
            epochs,
            ..Parameters::default()
        },
        aibom: AibomVersion::default(),
    }
}
