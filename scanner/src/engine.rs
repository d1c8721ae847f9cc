//! The Docker engine: which images it has, and their bytes.

use std::{path::Path, time::Duration};

use assay_attest::Digest;
use bollard::{API_DEFAULT_VERSION, Docker, errors::Error};
use futures_util::StreamExt as _;
use tokio::{io::AsyncWriteExt as _, time::timeout};

/// How long the engine may take to answer, or to send the next bytes of an image.
const PATIENCE: Duration = Duration::from_secs(60);
/// The engine's answer for an image that it does not have.
const NOT_FOUND: u16 = 404;

/// A connection to the engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    docker: Docker,
    host: String,
}

impl Engine {
    /// Takes the address `host`; nothing is asked yet.
    pub(crate) fn at(host: &str) -> Result<Self, String> {
        let seconds = PATIENCE.as_secs();
        let docker = match host.split_once("://") {
            Some(("unix", path)) => Docker::connect_with_unix(path, seconds, API_DEFAULT_VERSION),
            Some(("tcp" | "http", _)) => {
                Docker::connect_with_http(host, seconds, API_DEFAULT_VERSION)
            }
            _ => {
                return Err(format!(
                    "the address of the Docker engine is {host:?}; it must begin with unix:// or tcp://"
                ));
            }
        };
        let docker = docker.map_err(|error| format!("the Docker engine at {host}: {error}"))?;
        Ok(Self {
            docker,
            host: host.to_owned(),
        })
    }

    /// The id of the image that a name means now; `None` if there is none.
    pub(crate) async fn image_id(&self, name: &str) -> Result<Option<Digest>, String> {
        let found = match timeout(PATIENCE, self.docker.inspect_image(name)).await {
            Ok(Ok(found)) => found,
            Ok(Err(Error::DockerResponseServerError {
                status_code: NOT_FOUND,
                ..
            })) => return Ok(None),
            Ok(Err(error)) => return Err(self.failed(&error)),
            Err(_) => return Err(self.silent()),
        };
        let id = found.id.unwrap_or_default();
        id.strip_prefix("sha256:")
            .and_then(|digits| digits.parse().ok())
            .map(Some)
            .ok_or_else(|| {
                format!("the Docker engine names the image {name} {id:?}, which is no digest")
            })
    }

    /// Writes an image as `docker save` does, by its id: a name could mean another one by now.
    pub(crate) async fn save(&self, id: Digest, to: &Path) -> Result<(), String> {
        let unwritten = |error: std::io::Error| format!("the image cannot be written: {error}");
        let name = format!("sha256:{id}");
        let mut bytes = Box::pin(self.docker.export_image(&name));
        let mut file = tokio::fs::File::create_new(to).await.map_err(unwritten)?;
        loop {
            match timeout(PATIENCE, bytes.next()).await {
                Ok(Some(Ok(chunk))) => file.write_all(&chunk).await.map_err(unwritten)?,
                Ok(Some(Err(error))) => return Err(self.failed(&error)),
                Ok(None) => break,
                Err(_) => return Err(self.silent()),
            }
        }
        file.flush().await.map_err(unwritten)
    }

    fn failed(&self, error: &Error) -> String {
        format!("the Docker engine at {}: {error}", self.host)
    }

    fn silent(&self) -> String {
        format!(
            "the Docker engine at {} said nothing for {} seconds",
            self.host,
            PATIENCE.as_secs()
        )
    }
}
