//! Which variant of each part the configuration chooses.

use std::path::Path;

use super::{PlatformError, TRAINER_COMMAND, folder, wait};
use crate::{
    Config, Service,
    db::{Db, DbError},
    keys::{KeyError, Keys},
    queue::{Queue, QueueError, QueueState},
    sandbox::{DockerSandbox, ProcessSandbox, Program, Sandbox, SandboxKind},
    store::{Store, StoreError, folder::Folder, s3::S3},
};

/// Refuses a service of a deployment that would keep jobs, objects or doorbells to itself.
pub(super) fn must_be_shared(config: &Config, service: Service) -> Result<(), PlatformError> {
    let missing: Vec<&str> = [
        (config.database.url.is_empty(), "database.url"),
        (
            service.uses_queue() && config.queue.url.is_empty(),
            "queue.url",
        ),
        (!config.store.is_remote(), "store.endpoint"),
    ]
    .into_iter()
    .filter_map(|(absent, name)| absent.then_some(name))
    .collect();
    if service == Service::All || missing.is_empty() {
        return Ok(());
    }
    Err(PlatformError::NotShared {
        service,
        missing: missing.join(", "),
    })
}

/// The keys; an engine has been waited for.
pub(super) async fn keys(config: &Config, service: Service) -> Result<Keys, PlatformError> {
    let place = config.keys.place(&config.dir)?;
    let keys = wait::until("keys", config.start.wait, KeyError::is_passing, || {
        let (config, place) = (config.clone(), place.clone());
        let read = tokio::task::spawn_blocking(move || folder::keys(&config, place, service));
        async move {
            read.await
                .unwrap_or_else(|error| Err(KeyError::stopped(&error)))
        }
    })
    .await?;
    Ok(keys)
}

/// The store, before anything has been asked of it.
pub(super) fn bare_store(config: &Config) -> Result<Store, PlatformError> {
    let rooms = config.dir.join("rooms");
    if config.store.is_remote() {
        return Ok(Store::S3(S3::open(config.store.clone(), rooms)?));
    }
    let link_key = folder::link_key(&config.keys.dir(&config.dir))?;
    let folder = Folder::open(&config.dir.join("store"), &rooms, link_key)?;
    Ok(Store::Folder(folder))
}

/// The store; a server has been waited for, and its buckets can be used.
pub(super) async fn store(config: &Config, service: Service) -> Result<Store, PlatformError> {
    let store = bare_store(config)?;
    wait::until("store", config.start.wait, StoreError::is_passing, || {
        store.check(service.scans())
    })
    .await?;
    Ok(store)
}

/// The database; a server has been waited for, and its tables are of this version.
pub(super) async fn database(config: &Config, store: &Store) -> Result<Db, PlatformError> {
    let db = wait::until("database", config.start.wait, DbError::is_passing, || {
        Db::open(config, store.holds().clone())
    })
    .await?;
    Ok(db)
}

/// The queue; a broker has been waited for. Without one an API starts all the same: it takes jobs in, and their doorbells
/// wait in the database. A service that neither rings nor hears connects to none.
pub(super) async fn queue(config: &Config, service: Service) -> Result<Queue, PlatformError> {
    if !service.uses_queue() {
        return Ok(Queue::in_process());
    }
    let queue = Queue::open(&config.queue)?;
    let connected = async || match queue.state().borrow_and_update().clone() {
        QueueState::Connected => Ok(()),
        state => Err(QueueError::Config(format!(
            "the broker cannot be worked with: {state}; is it running, and are [queue] url and password_file right?"
        ))),
    };
    // Also a refusal may pass: `assay prepare` makes what is missing while this waits.
    match wait::until("broker", config.start.wait, |_| true, connected).await {
        Err(error) if service != Service::Api => Err(error.into()),
        _ => Ok(queue),
    }
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
