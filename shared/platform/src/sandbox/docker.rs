//! The sandbox that asks a container engine: one container for each run, from one image, used once.
//!
//! The container has no network, no capability, a root that cannot be written, the inputs to read, one folder to write
//! whose size is bounded, and bounds on everything else. It is made from the image that the configured name meant at the
//! start. What was asked for ([`spec`]) is held against what the engine then shows ([`held`]); a container that is
//! anything less is never started. The worker keeps the keys and the engine's socket; the container has neither.

mod cage;
mod config;
mod engine;
mod held;
mod image;
mod orphans;
mod run;
mod seccomp;
mod spec;
mod streams;
mod survey;
mod tar;
mod usage;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use assay_attest::Digest;
use bollard::models::SystemInfo;
use tokio::time::sleep;

pub use config::{DockerConfig, SeccompProfile};

use super::{Isolation, Limits, Mechanism, Room, SandboxError};
use cage::Cage;
use engine::Engine;
use held::EngineSeccomp;
use image::Image;
use orphans::{Runs, WORKER};
use survey::{Quota, survey};

/// A sandbox made of containers.
#[derive(Debug, Clone)]
pub struct DockerSandbox {
    shared: Arc<Shared>,
    /// SHA-256 of the trainer in the image, as read out of it.
    trainer: Digest,
    quota: Quota,
    allow_missing: BTreeSet<Mechanism>,
}

/// What every container needs.
#[derive(Debug)]
struct Shared {
    config: DockerConfig,
    engine: Engine,
    /// The engine and its version.
    version: String,
    seccomp: EngineSeccomp,
    /// Processors of the engine's machine.
    processors: u32,
    image: Image,
    /// The rooms folder as the engine's machine has it.
    rooms: PathBuf,
    runs: Runs,
}

impl DockerSandbox {
    /// Connects to the engine, pins the image, reads the trainer out of it, finds out how `rooms` look from the
    /// engine's side, and removes what an earlier process left; then goes on looking for such leavings now and then.
    ///
    /// # Errors
    /// [`SandboxError::Settings`] says what to change; [`SandboxError::Engine`] what the engine could not do.
    pub async fn open(
        config: &DockerConfig,
        allow_missing: &BTreeSet<Mechanism>,
        rooms: &Path,
    ) -> Result<Self, SandboxError> {
        check(config)?;
        let engine = Engine::connect(config).await?;
        let info = engine.info().await?;
        refuse_other_users(&info)?;
        let image = image::pin(&engine, config).await?;
        std::fs::create_dir_all(rooms).map_err(SandboxError::io("make the rooms folder"))?;
        let own = rooms
            .canonicalize()
            .map_err(SandboxError::io("find the rooms folder"))?;
        let theirs = match config.rooms.as_str() {
            "" => own.clone(),
            path => PathBuf::from(path),
        };
        let shared = Arc::new(Shared {
            config: config.clone(),
            version: format!(
                "docker {}",
                info.server_version.as_deref().unwrap_or("unknown")
            ),
            seccomp: own_list(&info),
            processors: info
                .ncpu
                .and_then(|count| count.try_into().ok())
                .unwrap_or(1),
            image,
            runs: Runs::new(theirs.display().to_string(), own.clone()),
            rooms: theirs,
            engine,
        });
        shared.sweep().await?;
        let (trainer, quota) = survey(&shared, &own).await?;
        tokio::spawn(keep_clean(Arc::downgrade(&shared)));
        tracing::info!(
            engine = shared.version,
            image = shared.image.id,
            %trainer,
            output = %quota,
            "containers can be made"
        );
        Ok(Self {
            shared,
            trainer,
            quota,
            allow_missing: allow_missing.clone(),
        })
    }

    /// SHA-256 of the trainer in the image, as read out of it at the start.
    pub fn trainer(&self) -> Digest {
        self.trainer
    }

    /// The image that containers are made from, as `sha256:…`, and its name as configured.
    pub fn image(&self) -> (&str, &str) {
        (&self.shared.image.id, &self.shared.image.name)
    }

    /// Makes a container as a run would, looks at it, and removes it without starting it.
    pub(super) async fn probe(
        &self,
        rooms: &Path,
        limits: &Limits,
    ) -> Result<Isolation, SandboxError> {
        let room = Room::create(rooms)?;
        let quota = self.limit_output(&room, limits);
        let (cage, isolation) = Cage::make(&self.shared, &room, None, limits, quota).await?;
        cage.remove().await;
        self.refuse_less(&isolation)?;
        Ok(isolation)
    }

    /// Bounds the room's output folder; says how, or why not.
    fn limit_output(&self, room: &Room, limits: &Limits) -> Result<String, String> {
        match &self.quota {
            Quota::Watched(reason) => Err(reason.clone()),
            Quota::Tmpfs => room
                .limit_output(limits)
                .map(|()| {
                    let Limits {
                        output_bytes,
                        output_files,
                        ..
                    } = limits;
                    format!("a tmpfs for {output_bytes} bytes in {output_files} files")
                })
                .map_err(|error| format!("mounting a tmpfs: {error}")),
        }
    }

    /// In a container everything can be had from any engine, except for the output's own file system.
    fn refuse_less(&self, isolation: &Isolation) -> Result<(), SandboxError> {
        let excused = |mechanism| {
            mechanism == Mechanism::OutputQuota && self.allow_missing.contains(&mechanism)
        };
        match isolation
            .missing
            .iter()
            .find(|missing| !excused(missing.mechanism))
        {
            None => Ok(()),
            Some(missing) => Err(SandboxError::Unavailable {
                mechanism: missing.mechanism,
                reason: missing.reason.clone(),
            }),
        }
    }
}

impl Shared {
    /// Removes containers that nobody minds any more.
    async fn sweep(&self) -> Result<(), SandboxError> {
        for container in self.engine.labelled(WORKER).await? {
            let (Some(id), Some(labels)) = (container.id, container.labels) else {
                continue;
            };
            if self.runs.is_orphan(&labels) {
                self.engine.remove(&id).await?;
                tracing::warn!(
                    container = id,
                    ?labels,
                    "a container that nobody minded was removed"
                );
            }
        }
        Ok(())
    }
}

/// Sweeps for as long as the sandbox is in use.
async fn keep_clean(shared: Weak<Shared>) {
    loop {
        let Some(pause) = shared
            .upgrade()
            .map(|shared| shared.config.sweep_seconds.max(1))
        else {
            return;
        };
        sleep(Duration::from_secs(pause)).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if let Err(error) = shared.sweep().await {
            tracing::warn!(%error, "the engine could not be searched for containers left behind");
        }
    }
}

fn check(config: &DockerConfig) -> Result<(), SandboxError> {
    let refuse = |text: &str| Err(SandboxError::Settings(text.to_owned()));
    if config.image.is_empty() {
        return refuse("docker.image is empty; name the trainer's image");
    }
    if !config.trainer.starts_with('/') {
        return refuse("docker.trainer must be an absolute path in the image");
    }
    if !config.rooms.is_empty() && !config.rooms.starts_with('/') {
        return refuse("docker.rooms must be an absolute path on the engine's machine");
    }
    Ok(())
}

/// An engine that gives containers other user ids than the machine's could not let them write into a room.
fn refuse_other_users(info: &SystemInfo) -> Result<(), SandboxError> {
    let options = info.security_options.as_deref().unwrap_or_default();
    let maps =
        |option: &&String| option.contains("name=userns") || option.contains("name=rootless");
    match options.iter().find(maps) {
        None => Ok(()),
        Some(option) => Err(SandboxError::Settings(format!(
            "the engine maps user ids ({option}); rooms need one that does not"
        ))),
    }
}

/// What the engine says of its own list of system calls.
fn own_list(info: &SystemInfo) -> EngineSeccomp {
    let options = info.security_options.as_deref().unwrap_or_default();
    options.iter().find_map(|option| {
        let rest = option.strip_prefix("name=seccomp")?;
        Some(
            rest.strip_prefix(",profile=")
                .unwrap_or("default")
                .to_owned(),
        )
    })
}
