use std::{collections::HashMap, path::Path};

use anyhow::Context as _;
use bollard::{
    Docker,
    query_parameters::{KillContainerOptionsBuilder, ListContainersOptionsBuilder},
};

/// The label that a worker puts on each of its containers: its folder of rooms. Other deployments may use the engine, too.
const LABEL: &str = "assay.worker";

/// Kills every container of the workers in this folder; gives how many.
pub(crate) fn kill_all(folder: &Path) -> anyhow::Result<usize> {
    block_on(async {
        let engine = engine()?;
        let mut killed = 0;
        for id in list(&engine, folder, false).await? {
            let options = KillContainerOptionsBuilder::new().signal("KILL").build();
            // It may have ended by itself.
            killed += usize::from(engine.kill_container(&id, Some(options)).await.is_ok());
        }
        Ok(killed)
    })
}

/// The containers of the workers in this folder that are there, running or not.
pub(crate) fn left(folder: &Path) -> anyhow::Result<Vec<String>> {
    block_on(async { list(&engine()?, folder, true).await })
}

async fn list(engine: &Docker, folder: &Path, all: bool) -> anyhow::Result<Vec<String>> {
    let filters = HashMap::from([("label".to_owned(), vec![LABEL.to_owned()])]);
    let options = ListContainersOptionsBuilder::new()
        .all(all)
        .filters(&filters)
        .build();
    let found = engine.list_containers(Some(options)).await?;
    let ours = found.into_iter().filter(|one| {
        let rooms = one.labels.as_ref().and_then(|labels| labels.get(LABEL));
        rooms.is_some_and(|rooms| Path::new(rooms).starts_with(folder))
    });
    Ok(ours.filter_map(|one| one.id).collect())
}

fn engine() -> anyhow::Result<Docker> {
    let url = std::env::var("ASSAY_TEST_DOCKER").context("ASSAY_TEST_DOCKER is not set")?;
    Ok(Docker::connect_with_socket(
        &url,
        30,
        bollard::API_DEFAULT_VERSION,
    )?)
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
