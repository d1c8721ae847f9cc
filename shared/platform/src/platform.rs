use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use assay_attest::Digest;
use tokio::sync::{RwLock, broadcast};

use crate::{
    Config,
    config::ConfigError,
    db::{Backend, Db, DbError, sqlite::Sqlite},
    ids::JobId,
    keys::{KeyError, Keys},
    queue::{Queue, in_process::InProcess},
    sandbox::{ProcessSandbox, Sandbox, SandboxError, sweep_rooms},
    store::{Store, StoreError, UrlSigner, folder::Folder},
};

/// The parts that a service works with, opened as the configuration says.
#[derive(Debug, Clone)]
pub struct Platform {
    /// What was configured.
    pub config: Arc<Config>,
    /// The truth about jobs.
    pub db: Db,
    /// Bytes by digest.
    pub store: Store,
    /// Doorbells.
    pub queue: Queue,
    /// Where a user's model is opened.
    pub sandbox: Arc<Sandbox>,
    /// Keys and layout.
    pub keys: Arc<Keys>,
    removal: Arc<RwLock<()>>,
    _lock: Arc<File>,
}

/// Why the platform cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Another process works on the same folder.
    #[error("{0} is in use by another assay process")]
    Locked(String),
    /// A folder or file cannot be made.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: String,
        /// What the system answered.
        source: io::Error,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl Platform {
    /// Opens every part, holding the folder alone for as long as the platform lives. A new folder gets new keys.
    ///
    /// What a crash left behind is put away: half uploads, objects that no job names, rooms.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub async fn open(config: Config) -> Result<Self, PlatformError> {
        config.validate()?;
        let dir = &config.dir;
        private_folder(dir)?;
        let lock = lock(&dir.join("lock"), dir)?;
        let secrets = dir.join("secrets");
        let keys = if secrets.join("trust.json").exists() {
            Keys::open(&secrets)?
        } else {
            Keys::init(&secrets)?
        };
        let store = dir.join("store");
        let urls = UrlSigner::new(keys.url_secret());
        let store = Folder::open_at(&store, urls).map_err(at(&store))?;
        let db = Sqlite::open(&dir.join("assay.db")).await?;
        sweep_rooms(&config.rooms())?;
        let sandbox = ProcessSandbox {
            launcher: config.launcher.clone(),
            trainer: config.trainer.clone(),
            allow_missing: config.sandbox.allow_missing.clone(),
        };
        let platform = Self {
            config: Arc::new(config),
            db: Db::new(Backend::Sqlite(db)),
            store: Store::Folder(store),
            queue: Queue::InProcess(InProcess::default()),
            sandbox: Arc::new(Sandbox::Process(sandbox)),
            keys: Arc::new(keys),
            removal: Arc::default(),
            _lock: Arc::new(lock),
        };
        for digest in platform.store.digests()? {
            platform.release(digest).await?;
        }
        Ok(platform)
    }

    /// The folder in which rooms are made.
    pub fn rooms(&self) -> PathBuf {
        self.config.rooms()
    }

    /// Told of a job whenever something happened to it by this process.
    pub fn subscribe(&self) -> broadcast::Receiver<JobId> {
        self.db.subscribe()
    }

    /// Held while bytes are stored for a job that the database does not know yet, so that [`Platform::release`] does
    /// not take an object away between its storing and its naming.
    pub async fn storing(&self) -> tokio::sync::OwnedRwLockReadGuard<()> {
        Arc::clone(&self.removal).read_owned().await
    }

    /// Removes an object of the store that no job names; keeps it when one does.
    ///
    /// Waits until nobody is [storing](Platform::storing): the same bytes may be on their way into another job.
    ///
    /// # Errors
    /// The database cannot be asked, or the store not changed.
    pub async fn release(&self, digest: Digest) -> Result<(), PlatformError> {
        let _alone = self.removal.write().await;
        if !self.db.is_named(digest).await? {
            self.store.remove(digest).await?;
        }
        Ok(())
    }
}

fn private_folder(dir: &Path) -> Result<(), PlatformError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(at(dir))
}

/// Takes the folder's lock, which the kernel gives back when the process ends, however it ends.
fn lock(file: &Path, dir: &Path) -> Result<File, PlatformError> {
    let lock = File::create(file).map_err(at(file))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(PlatformError::Locked(dir.display().to_string())),
        Err(fs::TryLockError::Error(error)) => Err(at(file)(error)),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PlatformError {
    let path = path.display().to_string();
    move |source| PlatformError::Folder { path, source }
}
