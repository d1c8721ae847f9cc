mod folder;
mod parts;
mod prepare;
mod sweep;
mod tasks;
mod wait;

use std::{fs::File, path::PathBuf, sync::Arc};

use assay_attest::Digest;
use tokio::{
    sync::{Mutex, broadcast},
    time::Duration,
};

use crate::{
    Config, Service,
    db::{Db, DbError},
    ids::JobId,
    keys::{KeyError, Keys},
    objects,
    queue::{Queue, QueueError},
    sandbox::{Sandbox, SandboxError, sweep_rooms},
    store::{Store, StoreError},
    telemetry,
};

pub use prepare::prepare;

use tasks::{keep_collecting, keep_metrics};

/// The hidden subcommand under which a program that contains the trainer runs it; `check …` or `train …` follow.
pub const TRAINER_COMMAND: &str = "__trainer";

/// Removed objects that one write may find to be there again; more than it can name.
const MOST_REVIVED: u32 = 100;

/// The parts that a service works with, opened as the configuration says. Clones share them.
#[derive(Debug, Clone)]
pub struct Platform {
    /// What was configured.
    pub config: Arc<Config>,
    /// What this process runs.
    pub service: Service,
    /// The truth about jobs.
    pub db: Db,
    /// Bytes by digest.
    pub store: Store,
    /// Doorbells.
    pub queue: Queue,
    /// Where a user's model is trained.
    pub sandbox: Arc<Sandbox>,
    /// Where freshly handed-in files are checked: always a restricted child process.
    pub checks: Arc<Sandbox>,
    /// Keys and layout.
    pub keys: Arc<Keys>,
    /// Held by the one task of this process that does the upkeep.
    pub(crate) upkeep: Arc<Mutex<()>>,
    /// Kept for its lock: while any clone lives, no other process opens the folder.
    _lock: Arc<File>,
}

/// Why the platform cannot start, or could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Another process works on the same folder.
    #[error(
        "{0} is in use by another assay process; give each process a folder of its own (--dir)"
    )]
    Locked(String),
    /// The folder cannot be made or read.
    #[error("{path}: {source}")]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A service that shares its jobs with other processes keeps something to itself.
    #[error(
        "assay {service} shares jobs with other processes, so {missing} must be set; \
         to run everything in one process, use assay up"
    )]
    NotShared {
        /// The service.
        service: Service,
        /// The settings that name no server.
        missing: String,
    },
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl PlatformError {
    /// Whether the same may work later without anybody's doing: a server that is away or only starting.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Db(error) => error.is_passing(),
            Self::Store(error) => error.is_passing(),
            Self::Keys(error) => error.is_passing(),
            _ => false,
        }
    }
}

impl Platform {
    /// Opens every part for all services in one process: `assay up`.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub async fn open(config: Config) -> Result<Self, PlatformError> {
        Self::open_for(config, Service::All).await
    }

    /// Opens the parts that a service needs; takes the folder's lock; makes keys when there are none and the folder is
    /// new ([`Service::All`] only); removes what a process that was killed has left in the folder: uploads, rooms,
    /// objects that no artifact names. Servers are waited for, `start.wait` each.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub async fn open_for(config: Config, service: Service) -> Result<Self, PlatformError> {
        // The store's futures are large, and an opening is awaited in many places.
        Box::pin(Self::open_parts(config, service)).await
    }

    async fn open_parts(config: Config, service: Service) -> Result<Self, PlatformError> {
        parts::must_be_shared(&config, service)?;
        telemetry::metrics::record();
        let lock = folder::take(&config.dir)?;
        let keys = parts::keys(&config, service).await?;
        let store = parts::store(&config, service).await?;
        if !config.store.is_remote() {
            store.sweep(Duration::ZERO).await?;
        }
        // Before the rooms: a container that was left behind may still write into one.
        let sandbox = parts::sandbox(&config, service, &store.scratch()).await?;
        sweep_rooms(&config.dir.join("rooms"))?;
        let db = parts::database(&config, &store).await?;
        // A server's objects and uploads are other processes', too: the collector looks after them.
        if !config.store.is_remote() {
            sweep::objects(&db, &store).await?;
        }
        let platform = Self {
            sandbox: Arc::new(sandbox),
            checks: Arc::new(parts::checks(&config)),
            queue: parts::queue(&config, service).await?,
            config: Arc::new(config),
            service,
            db,
            store,
            keys: Arc::new(keys),
            upkeep: Arc::default(),
            _lock: Arc::new(lock),
        };
        keep_metrics(&platform.config);
        if service.trains() {
            platform.warn_of_disk().await;
        }
        if service.serves() && matches!(platform.store, Store::S3(_)) {
            keep_collecting(&platform);
        }
        Ok(platform)
    }

    /// Told of a job whenever this process has written something about it. Slow receivers lose the oldest news.
    pub fn subscribe(&self) -> broadcast::Receiver<JobId> {
        self.db.subscribe()
    }

    /// As [`Keys::check`], for asynchronous code.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn check_keys(&self) -> Result<(), KeyError> {
        let (keys, config, service) = (self.keys.clone(), self.config.clone(), self.service);
        let check = tokio::task::spawn_blocking(move || keys.check(&config, service));
        check
            .await
            .unwrap_or_else(|error| Err(KeyError::stopped(&error)))
    }

    /// Whether the engine of this service's keys answers and still has some for it; keys in files need nobody.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn keys_answer(&self) -> Result<(), KeyError> {
        if matches!(*self.keys, Keys::Files(_)) {
            return Ok(());
        }
        let (keys, config, service) = (self.keys.clone(), self.config.clone(), self.service);
        let read = tokio::task::spawn_blocking(move || keys.read_again(&config, service));
        match read.await {
            Ok(read) => read.map(drop),
            Err(error) => Err(KeyError::stopped(&error)),
        }
    }

    /// Where rooms are made.
    pub fn rooms(&self) -> PathBuf {
        self.store.scratch()
    }

    /// Gives back an object that was stored for something that did not come about: removes it, unless an artifact's row
    /// names it or somebody else has just stored the same bytes. Call it once for each time it was stored.
    ///
    /// # Errors
    /// [`PlatformError::Db`] or [`PlatformError::Store`]; the object stays then. In a folder it is swept at the next start, in
    /// a server's bucket the collector finds it. There it goes some minutes later in any case, since other processes store
    /// the same bytes.
    pub async fn release(&self, digest: Digest) -> Result<(), PlatformError> {
        objects::release(&self.store, &self.db, digest).await
    }

    /// Whether this process may remove what others have stored: from a server only services with an account for that.
    pub(crate) fn may_remove(&self) -> bool {
        !self.config.store.is_remote() || self.service.serves()
    }

    /// As [`Platform::release`], for an object whose bytes belong to one job, so that nobody else can be about to name it: a
    /// checkpoint, say. It is removed from a server's bucket at once, too, if no row names it.
    ///
    /// # Errors
    /// [`PlatformError::Db`] or [`PlatformError::Store`]; the object stays then, and the collector finds it later.
    pub async fn remove_own(&self, digest: Digest) -> Result<(), PlatformError> {
        objects::remove_own(&self.store, &self.db, digest).await
    }

    /// Runs a write that names objects. An object that the collector has removed, and that somebody has stored anew since,
    /// is refused by the database until it is seen to be there: it is looked for, and the write runs again.
    ///
    /// # Errors
    /// Those of the write. [`DbError::Collected`]: the object is not there, or is just being removed; store it again.
    pub async fn naming<T, F>(&self, mut write: impl FnMut() -> F) -> Result<T, DbError>
    where
        F: Future<Output = Result<T, DbError>>,
    {
        for _ in 0..MOST_REVIVED {
            match write().await {
                Err(DbError::Collected { digest }) => {
                    match objects::revive(&self.store, &self.db, digest).await {
                        Ok(true) => {}
                        Ok(false) => return Err(DbError::Collected { digest }),
                        Err(error) => {
                            tracing::warn!(%digest, %error, "it is not known whether a removed object is there again");
                            return Err(DbError::Collected { digest });
                        }
                    }
                }
                ended => return ended,
            }
        }
        write().await
    }

    /// A call to the database that a service needs at its start: made again and again while the database is away, for
    /// `start.wait` at most. What may be called so has to bear being made twice.
    ///
    /// # Errors
    /// Those of the call.
    pub async fn at_start<T, F>(&self, call: impl FnMut() -> F) -> Result<T, DbError>
    where
        F: Future<Output = Result<T, DbError>>,
    {
        wait::until(
            "database",
            self.config.start.wait,
            DbError::is_passing,
            call,
        )
        .await
    }

    /// Stops the queue, closes the database and delivers the last traces.
    pub async fn close(&self) {
        self.queue.close();
        self.db.close().await;
        // An error is a panic of the delivery, which is no reason to fail at the end.
        let _delivered = tokio::task::spawn_blocking(telemetry::finish).await;
    }
}

#[cfg(test)]
mod tests;
