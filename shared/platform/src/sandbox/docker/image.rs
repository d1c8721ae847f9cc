//! The trainer's image: which one a name means, and what the trainer in it is.

use assay_attest::Digest;
use bollard::models::ImageInspect;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{
    config::DockerConfig,
    engine::{Engine, is_absent, refused, silent},
    tar::{FirstFile, Found},
};
use crate::sandbox::SandboxError;

/// The label by which an image may say its trainer's SHA-256, in hexadecimal.
const PROGRAM: &str = "assay.trainer.sha256";

/// An image, pinned.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// As configured.
    pub(super) name: String,
    /// What the name meant at the start, as `sha256:…`: containers are made from this.
    pub(super) id: String,
    /// The same as a registry has it, if it came from one.
    pub(super) repository_digest: Option<String>,
    /// What the image says of its trainer, if it says anything.
    label: Option<String>,
}

/// Looks up what the configured name means now.
pub(super) async fn pin(engine: &Engine, config: &DockerConfig) -> Result<Image, SandboxError> {
    let name = &config.image;
    let unusable =
        |reason: String| SandboxError::Settings(format!("docker.image {name}: {reason}"));
    let found = engine.image(name).await?;
    let found = found.ok_or_else(|| {
        unusable(format!(
            "the engine has no such image; build it, or fetch it with `docker pull {name}`"
        ))
    })?;
    let repository_digest = repository_digest(name, &found);
    let inner = found.config.unwrap_or_default();
    if inner.volumes.is_some_and(|volumes| !volumes.is_empty()) {
        return Err(unusable(
            "it declares volumes, which a training could write to; build it without VOLUME"
                .to_owned(),
        ));
    }
    let id = found.id.filter(|id| id.starts_with("sha256:"));
    Ok(Image {
        name: name.clone(),
        id: id.ok_or_else(|| unusable("the engine does not say its digest".to_owned()))?,
        repository_digest,
        label: inner.labels.and_then(|mut labels| labels.remove(PROGRAM)),
    })
}

/// The digest under the configured repository, or else any.
fn repository_digest(name: &str, found: &ImageInspect) -> Option<String> {
    let digests = found.repo_digests.as_deref().unwrap_or_default();
    let (plain, _) = name.split_once('@').unwrap_or((name, ""));
    let repository = match plain.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => plain,
    };
    let own = |digest: &&String| {
        digest
            .split_once('@')
            .is_some_and(|(of, _)| of == repository)
    };
    digests
        .iter()
        .find(own)
        .or_else(|| digests.first())
        .cloned()
}

impl Image {
    /// Reads the trainer out of a container of this image, and holds it against what the image says of it.
    pub(super) async fn measure(
        &self,
        engine: &Engine,
        container: &str,
        trainer: &str,
    ) -> Result<Digest, SandboxError> {
        let unusable = |reason: String| {
            SandboxError::Settings(format!("docker.image {}: {reason}", self.name))
        };
        let found = read(engine, container, trainer, 0).await?;
        let digest = found
            .ok_or_else(|| unusable(format!("it has no plain file {trainer} (docker.trainer)")))?
            .digest;
        match &self.label {
            Some(label) if *label != digest.to_string() => Err(unusable(format!(
                "its label {PROGRAM} says {label}, but {trainer} in it is {digest}"
            ))),
            _ => Ok(digest),
        }
    }
}

/// A file of a container that need not run; `None` if it is not there or no plain file.
pub(super) async fn read(
    engine: &Engine,
    container: &str,
    path: &str,
    keep: usize,
) -> Result<Option<Found>, SandboxError> {
    let doing = "read a file of a container";
    let mut file = FirstFile::new(keep);
    let mut archive = std::pin::pin!(engine.archive(container, path));
    loop {
        match timeout(engine.limit(), archive.next()).await {
            Err(_) => return Err(silent(doing, engine.limit())),
            Ok(None) => return Ok(file.finish()),
            Ok(Some(Ok(bytes))) => file.update(&bytes),
            Ok(Some(Err(error))) if is_absent(&error) => return Ok(None),
            Ok(Some(Err(error))) => return Err(refused(doing, &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_the_configured_repository_goes_before_others() {
        let found = ImageInspect {
            repo_digests: Some(vec!["a/x@sha256:1".into(), "host:5000/y@sha256:2".into()]),
            ..ImageInspect::default()
        };
        let of = |name| repository_digest(name, &found);
        assert_eq!(
            of("host:5000/y:v1").as_deref(),
            Some("host:5000/y@sha256:2")
        );
        assert_eq!(of("host:5000/y").as_deref(), Some("host:5000/y@sha256:2"));
        assert_eq!(
            of("host:5000/y@sha256:2").as_deref(),
            Some("host:5000/y@sha256:2")
        );
        assert_eq!(of("other").as_deref(), Some("a/x@sha256:1"));
        assert_eq!(repository_digest("x", &ImageInspect::default()), None);
    }
}
