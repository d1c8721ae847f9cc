//! The engine's interface with a limit on every call: an engine that is gone or hangs is an error, never a wait.

use std::{future::Future, time::Duration};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    container::AttachContainerResults,
    errors::Error,
    models::{
        ContainerCreateBody, ContainerInspectResponse, ContainerStatsResponse, ContainerSummary,
        ImageInspect, SystemInfo,
    },
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder,
        DownloadFromContainerOptionsBuilder, KillContainerOptionsBuilder,
        ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, StatsOptionsBuilder,
        WaitContainerOptionsBuilder,
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::timeout;

use super::config::DockerConfig;
use crate::sandbox::SandboxError;

const NOT_FOUND: u16 = 404;
const CONFLICT: u16 = 409;

/// A connection to the engine.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    docker: Docker,
    limit: Duration,
}

impl Engine {
    /// Connects and agrees on the version of the interface.
    pub(super) async fn connect(config: &DockerConfig) -> Result<Self, SandboxError> {
        let limit = Duration::from_secs(config.call_seconds.max(1));
        let host = config.host.as_str();
        let docker = match host.split_once("://") {
            Some(("unix", path)) => {
                Docker::connect_with_unix(path, limit.as_secs(), API_DEFAULT_VERSION)
            }
            Some(("tcp" | "http", _)) if config.allow_remote => {
                Docker::connect_with_http(host, limit.as_secs(), API_DEFAULT_VERSION)
            }
            Some(("tcp" | "http", _)) => {
                return Err(SandboxError::Settings(format!(
                    "docker.host is {host}: whoever reaches a network address of an engine is root on its machine; use unix:///… or set docker.allow_remote = true"
                )));
            }
            _ => {
                return Err(SandboxError::Settings(format!(
                    "docker.host is {host:?}; it must begin with unix:// or tcp://"
                )));
            }
        };
        let docker = docker.map_err(|error| unreachable_engine(host, &error))?;
        let docker = match timeout(limit, docker.negotiate_version()).await {
            Ok(agreed) => agreed.map_err(|error| unreachable_engine(host, &error))?,
            Err(_) => return Err(silent("say which version it is", limit)),
        };
        Ok(Self { docker, limit })
    }

    async fn call<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, SandboxError> {
        match timeout(self.limit, call).await {
            Ok(Err(Error::RequestTimeoutError)) | Err(_) => Err(silent(doing, self.limit)),
            Ok(answer) => answer.map_err(|error| refused(doing, &error)),
        }
    }

    pub(super) async fn info(&self) -> Result<SystemInfo, SandboxError> {
        self.call("describe itself", self.docker.info()).await
    }

    pub(super) async fn ping(&self) -> Result<(), SandboxError> {
        let ping = self.call("answer at all", self.docker.ping()).await;
        ping.map(drop)
    }

    /// `None` if there is no such image.
    pub(super) async fn image(&self, name: &str) -> Result<Option<ImageInspect>, SandboxError> {
        let inspect = async {
            match self.docker.inspect_image(name).await {
                Err(error) if status(&error) == Some(NOT_FOUND) => Ok(None),
                image => image.map(Some),
            }
        };
        self.call("look at the trainer's image", inspect).await
    }

    pub(super) async fn create(
        &self,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<(), SandboxError> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let create = self.docker.create_container(Some(options), body);
        self.call("make a container", create).await.map(drop)
    }

    pub(super) async fn inspect(
        &self,
        name: &str,
    ) -> Result<ContainerInspectResponse, SandboxError> {
        let inspect = self.docker.inspect_container(name, None);
        self.call("look at a container", inspect).await
    }

    /// The container's streams, from its start on.
    pub(super) async fn attach(&self, name: &str) -> Result<AttachContainerResults, SandboxError> {
        let options = AttachContainerOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        let attach = self.docker.attach_container(name, Some(options));
        self.call("pass on what a container prints", attach).await
    }

    pub(super) async fn start(&self, name: &str) -> Result<(), SandboxError> {
        let start = self.docker.start_container(name, None);
        self.call("start a container", start).await
    }

    /// Waits for a started container's end, for as long as that takes; gives its exit status.
    pub(super) async fn wait(&self, name: &str) -> Result<i64, SandboxError> {
        let doing = "tell of a container's end";
        let options = WaitContainerOptionsBuilder::default()
            .condition("not-running")
            .build();
        let mut ends = std::pin::pin!(self.docker.wait_container(name, Some(options)));
        match ends.next().await {
            Some(Ok(end)) => Ok(end.status_code),
            // What the library takes for an error is a status other than 0.
            Some(Err(Error::DockerContainerWaitError { code, error })) if error.is_empty() => {
                Ok(code)
            }
            Some(Err(Error::RequestTimeoutError)) => Err(silent(doing, self.limit)),
            Some(Err(error)) => Err(refused(doing, &error)),
            None => Err(SandboxError::Engine {
                doing,
                reason: "it ended the connection".to_owned(),
            }),
        }
    }

    /// What a container uses now.
    pub(super) async fn stats(&self, name: &str) -> Option<ContainerStatsResponse> {
        let options = StatsOptionsBuilder::default()
            .stream(false)
            .one_shot(true)
            .build();
        let mut stats = std::pin::pin!(self.docker.stats(name, Some(options)));
        timeout(self.limit, stats.next()).await.ok()??.ok()
    }

    /// Kills a container; one that does not run any more is well.
    pub(super) async fn kill(&self, name: &str) -> Result<(), SandboxError> {
        let options = KillContainerOptionsBuilder::default()
            .signal("SIGKILL")
            .build();
        let kill = async {
            match self.docker.kill_container(name, Some(options)).await {
                Err(error) if matches!(status(&error), Some(NOT_FOUND | CONFLICT)) => Ok(()),
                killed => killed,
            }
        };
        self.call("kill a container", kill).await
    }

    /// Kills and removes a container and its volumes; one that is not there is well.
    pub(super) async fn remove(&self, name: &str) -> Result<(), SandboxError> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let remove = async {
            match self.docker.remove_container(name, Some(options)).await {
                // Gone, or somebody else is at it.
                Err(error) if matches!(status(&error), Some(NOT_FOUND | CONFLICT)) => Ok(()),
                removed => removed,
            }
        };
        self.call("remove a container", remove).await
    }

    /// Every container with a label, running or not.
    pub(super) async fn labelled(
        &self,
        label: &str,
    ) -> Result<Vec<ContainerSummary>, SandboxError> {
        let filters = [("label".to_owned(), vec![label.to_owned()])].into();
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let list = self.docker.list_containers(Some(options));
        self.call("list its containers", list).await
    }

    /// A file of a container, which need not run, as a tar archive.
    pub(super) fn archive(
        &self,
        name: &str,
        path: &str,
    ) -> impl Stream<Item = Result<Bytes, Error>> + use<> {
        let options = DownloadFromContainerOptionsBuilder::default()
            .path(path)
            .build();
        self.docker.download_from_container(name, Some(options))
    }

    /// How long one request may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }
}

fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Whether an archive was asked for of something that is not there.
pub(super) fn is_absent(error: &Error) -> bool {
    status(error) == Some(NOT_FOUND)
}

pub(super) fn refused(doing: &'static str, error: &Error) -> SandboxError {
    SandboxError::Engine {
        doing,
        reason: error.to_string(),
    }
}

pub(super) fn silent(doing: &'static str, limit: Duration) -> SandboxError {
    SandboxError::Engine {
        doing,
        reason: format!("it gave no answer for {} s", limit.as_secs()),
    }
}

fn unreachable_engine(host: &str, error: &Error) -> SandboxError {
    SandboxError::Engine {
        doing: "be reached",
        reason: format!(
            "{error}; docker.host is {host}: see that the engine runs and that this user may talk to it"
        ),
    }
}
