//! An image with the hostile trainer, and sandboxes made of it.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use assay_platform::sandbox::{DockerConfig, DockerSandbox, Mechanism, Sandbox, SandboxError};
use assay_test_parts::{Image, names};
use bollard::{API_DEFAULT_VERSION, Docker, query_parameters::ListContainersOptionsBuilder};

use crate::sandbox::support::{HOSTILE, World};

/// The image of a program, made once and kept as long as any test uses it.
pub(crate) fn image(program: &str) -> Arc<Image> {
    static MADE: Mutex<Option<HashMap<String, Weak<Image>>>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let made = made.get_or_insert_default();
    if let Some(image) = made.get(program).and_then(Weak::upgrade) {
        return image;
    }
    let image = Arc::new(Image::of_program(Path::new(program), &[]).unwrap());
    made.insert(program.to_owned(), Arc::downgrade(&image));
    image
}

/// A configuration for the hostile trainer's image.
pub(crate) fn config(image: &Image) -> DockerConfig {
    DockerConfig {
        host: names::of(names::DOCKER).unwrap(),
        image: image.name().to_owned(),
        trainer: "/hostile-trainer".to_owned(),
        // A loaded machine is slow.
        call_seconds: 300,
        ..DockerConfig::default()
    }
}

/// A sandbox of containers over a world's rooms.
pub(crate) async fn open(
    world: &World,
    config: &DockerConfig,
) -> Result<DockerSandbox, SandboxError> {
    let allow = [Mechanism::OutputQuota].into();
    DockerSandbox::open(config, &allow, &world.rooms()).await
}

/// The hostile trainer in containers. The image is removed with the world.
pub(crate) async fn container(world: &World) -> Sandbox {
    let image = world.keep(image(HOSTILE));
    Sandbox::Docker(open(world, &config(&image)).await.unwrap())
}

/// The engine itself.
pub(crate) fn engine() -> Docker {
    let host = names::of(names::DOCKER).unwrap();
    let path = host.strip_prefix("unix://").unwrap();
    Docker::connect_with_unix(path, 300, API_DEFAULT_VERSION).unwrap()
}

/// The containers of a worker, named by its rooms folder.
pub(crate) async fn containers(rooms: &Path) -> Vec<String> {
    let rooms = rooms.canonicalize().unwrap();
    let label = format!("assay.worker={}", rooms.display());
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&HashMap::from([("label".to_owned(), vec![label])]))
        .build();
    let all = engine().list_containers(Some(options)).await.unwrap();
    all.into_iter().filter_map(|one| one.id).collect()
}

/// Waits until a worker has this number of containers.
pub(crate) async fn until_containers(rooms: &Path, count: usize) {
    tokio::time::timeout(Duration::from_secs(120), async {
        while containers(rooms).await.len() != count {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("there are never {count} containers"));
}
