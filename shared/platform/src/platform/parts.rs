//! Which variant of each part the configuration chooses.

use std::path::Path;

use super::{PlatformError, TRAINER_COMMAND, folder};
use crate::{
    Config, Service,
    db::Db,
    sandbox::{DockerSandbox, ProcessSandbox, Program, Sandbox, SandboxKind},
    store::{Store, folder::Folder, s3::S3},
};

/// The store; a server has been reached, and its buckets can be used.
pub(super) async fn store(config: &Config, service: Service) -> Result<Store, PlatformError> {
    let rooms = config.dir.join("rooms");
    if config.store.is_remote() {
        let store = Store::S3(S3::open(config.store.clone(), rooms)?);
        store.check(service.scans()).await?;
        return Ok(store);
    }
    let link_key = folder::link_key(&config.keys.dir(&config.dir))?;
    let folder = Folder::open(&config.dir.join("store"), &rooms, link_key)?;
    Ok(Store::Folder(folder))
}

/// The database.
pub(super) async fn database(config: &Config, store: &Store) -> Result<Db, PlatformError> {
    Ok(Db::open(config, store.holds().clone()).await?)
}

/// Where jobs are trained. A service that trains none has no use for a container engine.
pub(super) async fn sandbox(
    config: &Config,
    service: Service,
    rooms: &Path,
) -> Result<Sandbox, PlatformError> {
    if config.sandbox.kind == SandboxKind::Process || !service.trains() {
        return Ok(checks(config));
    }
    let allow_missing = &config.sandbox.allow_missing;
    let docker = DockerSandbox::open(&config.docker, allow_missing, rooms).await?;
    Ok(Sandbox::Docker(docker))
}

/// Where freshly handed-in files are checked: always a child process of the service that took them in.
pub(super) fn checks(config: &Config) -> Sandbox {
    let trainer = match config.trainer_program.split_first() {
        None => Program::this([TRAINER_COMMAND]),
        Some((path, args)) => Program {
            path: path.into(),
            args: args.to_vec(),
        },
    };
    Sandbox::Process(ProcessSandbox {
        launcher: Program::this(std::iter::empty::<String>()),
        trainer,
        allow_missing: config.sandbox.allow_missing.clone(),
    })
}
