//! Which images there are to scan.

use std::path::PathBuf;

use assay_attest::Digest;
use assay_platform::{
    Config, Platform,
    scan::{Component, ImageToScan, Source},
};

use crate::{archive, engine::Engine, room::Room};

/// An image whose id is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) component: Component,
    pub(crate) id: Digest,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Engine,
    Archive(PathBuf),
    /// A worker trains in it, but it is nowhere where this scanner can read it.
    Unknown(String),
}

/// What was found of the images to scan.
#[derive(Debug, Default)]
pub(crate) struct Images {
    pub(crate) known: Vec<Image>,
    /// Names of which not even the id is known, and why.
    pub(crate) missing: Vec<(String, String)>,
}

/// Looks up all configured images, and those that workers say they train in.
pub(crate) async fn look(platform: &Platform) -> Images {
    let config = &platform.config;
    let engine = Engine::at(host(config));
    let mut images = Images::default();
    for wanted in &config.scan.images {
        match find(wanted, &engine).await {
            Ok(image) => images.known.push(image),
            Err(reason) => images.missing.push((wanted.name(), reason)),
        }
    }
    match platform.db.workers().await {
        Ok(workers) => {
            for worker in workers {
                let row = worker.row;
                if let Some(id) = row.image_digest {
                    let name = row.image.unwrap_or_else(|| format!("sha256:{id}"));
                    add_workers_image(&mut images, name, id, &engine).await;
                }
            }
        }
        Err(error) => tracing::warn!(%error, "the images of the workers could not be looked up"),
    }
    images
}

/// The engine's address: the scanner's own setting, or the one that trains.
fn host(config: &Config) -> &str {
    if config.scan.docker_host.is_empty() {
        &config.docker.host
    } else {
        &config.scan.docker_host
    }
}

async fn find(wanted: &ImageToScan, engine: &Result<Engine, String>) -> Result<Image, String> {
    let (id, place) = match &wanted.source {
        Source::Engine(name) => {
            let id = engine
                .as_ref()
                .map_err(Clone::clone)?
                .image_id(name)
                .await?;
            let id = id.ok_or_else(|| "the Docker engine has no such image".to_owned())?;
            (id, Place::Engine)
        }
        Source::Archive(path) => {
            let from = path.clone();
            let id = tokio::task::spawn_blocking(move || archive::image_id(&from))
                .await
                .map_err(|error| error.to_string())?
                .map_err(|error| error.to_string())?;
            (id, Place::Archive(path.clone()))
        }
    };
    Ok(Image {
        name: wanted.name(),
        component: wanted.component,
        id,
        place,
    })
}

async fn add_workers_image(
    images: &mut Images,
    name: String,
    id: Digest,
    engine: &Result<Engine, String>,
) {
    if images.known.iter().any(|known| known.id == id) {
        return;
    }
    let found = match engine {
        Ok(engine) => engine.image_id(&format!("sha256:{id}")).await,
        Err(error) => Err(error.clone()),
    };
    let place = match found {
        Ok(Some(_)) => Place::Engine,
        Ok(None) => Place::Unknown(
            "a worker trains in it, but the Docker engine that the scanner asks does not have it"
                .to_owned(),
        ),
        Err(error) => Place::Unknown(error),
    };
    images.known.push(Image {
        name,
        component: Component::Trainer,
        id,
        place,
    });
}

impl Image {
    /// An archive in the room that holds this image and nothing else, every layer compared with what the id says.
    pub(crate) async fn archive(
        &self,
        platform: &Platform,
        room: &Room,
    ) -> Result<PathBuf, String> {
        let to = room.file("image.tar");
        match &self.place {
            Place::Unknown(reason) => return Err(reason.clone()),
            Place::Archive(path) => archive::copy(path.clone(), to.clone(), self.id).await?,
            Place::Engine => {
                let saved = room.file("saved.tar");
                Engine::at(host(&platform.config))?
                    .save(self.id, &saved)
                    .await?;
                archive::copy(saved.clone(), to.clone(), self.id).await?;
                tokio::fs::remove_file(&saved)
                    .await
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(to)
    }
}
