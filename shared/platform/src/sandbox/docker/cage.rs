//! A container, from before it is made until after it is gone.

use std::sync::Arc;

use tokio::runtime::Handle;
use uuid::Uuid;

use super::{
    Shared,
    held::isolation,
    spec::{Spec, body},
};
use crate::sandbox::{Command, Container, Isolation, Limits, Room, SandboxError};

/// The container of one run. Killed and removed when dropped; should that fail, a sweep does it later.
#[derive(Debug)]
pub(super) struct Cage {
    shared: Arc<Shared>,
    run: Uuid,
    name: String,
    removed: bool,
}

impl Cage {
    /// Makes a container for `room` and reads back what it is. Without a command it is only to be looked at.
    pub(super) async fn make(
        shared: &Arc<Shared>,
        room: &Room,
        command: Option<Command>,
        limits: &Limits,
        quota: Result<String, String>,
    ) -> Result<(Self, Isolation), SandboxError> {
        let run = shared.runs.begin(room);
        // Known before the engine answers, so that it can be removed even if the answer never comes.
        let cage = Self {
            shared: Arc::clone(shared),
            run,
            name: format!("assay-{}", run.simple()),
            removed: false,
        };
        let theirs = shared
            .rooms
            .join(room.root().file_name().unwrap_or_default());
        let path = theirs
            .to_str()
            .filter(|path| !path.contains(':'))
            .ok_or_else(|| {
                let path = theirs.display();
                SandboxError::Settings(format!(
                    "the engine cannot mount {path}: it is not UTF-8, or holds a colon"
                ))
            })?;
        let config = &shared.config;
        let asked = body(&Spec {
            image: &shared.image.id,
            trainer: &config.trainer,
            command,
            limits,
            room: path,
            owner: room.owner(),
            gpu: room.occupant().is_some_and(|occupant| occupant.gpu),
            seccomp: config.seccomp,
            runtime: &config.runtime,
            processors: shared.processors,
            labels: shared.runs.labels(run, room, limits),
        });
        shared.engine.create(&cage.name, asked.clone()).await?;
        let found = shared.engine.inspect(&cage.name).await?;
        if found.image.as_deref() != Some(&shared.image.id) {
            return Err(SandboxError::Engine {
                doing: "make a container from the pinned image",
                reason: format!("it took {:?}", found.image),
            });
        }
        let mut isolation = isolation(&asked, &found, &shared.seccomp, quota);
        isolation.container = Some(Container {
            id: found.id.unwrap_or_default(),
            image: shared.image.name.clone(),
            image_digest: shared.image.id.clone(),
            repository_digest: shared.image.repository_digest.clone(),
            engine: shared.version.clone(),
        });
        Ok((cage, isolation))
    }

    /// By which the engine knows it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Kills and removes it now. A failure is left to the sweep.
    pub(super) async fn remove(mut self) {
        remove(&self.shared, &self.name).await;
        // Given up half-way, it is removed when this is dropped.
        self.removed = true;
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        self.shared.runs.end(self.run);
        if self.removed {
            return;
        }
        // Without a runtime this process is at its end, and the next one's sweep does it.
        if let Ok(runtime) = Handle::try_current() {
            let (shared, name) = (Arc::clone(&self.shared), std::mem::take(&mut self.name));
            runtime.spawn(async move { remove(&shared, &name).await });
        }
    }
}

async fn remove(shared: &Shared, name: &str) {
    if let Err(error) = shared.engine.remove(name).await {
        tracing::warn!(container = name, %error, "a container could not be removed; a sweep does it later");
    }
}
