mod folder;

use std::{fs::File, path::PathBuf, sync::Arc};

use assay_attest::Digest;
use tokio::{sync::broadcast, time::Duration};

use crate::{
    Config,
    db::{Db, DbError, sqlite::Sqlite},
    ids::JobId,
    keys::{KeyError, Keys},
    queue::{Queue, in_process::InProcess},
    sandbox::{ProcessSandbox, Program, Sandbox, SandboxError, sweep_rooms},
    store::{Holds, Store, StoreError, folder::Folder, s3::S3},
    telemetry,
};

/// The hidden subcommand under which a program that contains the trainer runs it; `check …` or `train …` follow.
pub const TRAINER_COMMAND: &str = "__trainer";

/// How often the metrics' buffers are emptied.
const UPKEEP: Duration = Duration::from_secs(10);

/// The parts that a service works with, opened as the configuration says. Clones share them.
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
    /// Kept for its lock: while any clone lives, no other process opens the folder.
    _lock: Arc<File>,
}

/// Why the platform cannot start, or could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Another process works on the same folder.
    #[error("{0} is in use by another assay process")]
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
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl Platform {
    /// Opens every part; takes the folder's lock; makes keys when there are none and the folder is new; removes what a
    /// process that was killed has left: uploads, rooms, objects that no artifact names.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub async fn open(config: Config) -> Result<Self, PlatformError> {
        telemetry::metrics::record();
        let (lock, keys, link_key) = folder::prepare(&config.dir)?;
        let rooms = config.dir.join("rooms");
        let store = if config.store.is_remote() {
            let store = Store::S3(S3::open(config.store.clone(), rooms.clone())?);
            store.check(false).await?;
            store
        } else {
            let folder = Folder::open(&config.dir.join("store"), &rooms, link_key)?;
            let store = Store::Folder(folder);
            store.sweep(Duration::ZERO).await?;
            store
        };
        sweep_rooms(&rooms)?;
        let holds: Holds = store.holds().clone();
        let db = Db::Sqlite(Sqlite::open(&config.dir.join("assay.db"), holds).await?);
        // A server's objects are other processes', too; the collector looks after them.
        if !config.store.is_remote() {
            sweep_objects(&db, &store).await?;
        }
        let platform = Self {
            sandbox: Arc::new(sandbox(&config)),
            config: Arc::new(config),
            db,
            store,
            queue: Queue::InProcess(InProcess::default()),
            keys: Arc::new(keys),
            _lock: Arc::new(lock),
        };
        keep_metrics(&platform.config);
        Ok(platform)
    }

    /// Told of a job whenever this process has written something about it. Slow receivers lose the oldest news.
    pub fn subscribe(&self) -> broadcast::Receiver<JobId> {
        self.db.subscribe()
    }

    /// Where rooms are made.
    pub fn rooms(&self) -> PathBuf {
        self.store.scratch()
    }

    /// Gives back an object that was stored for something that did not come about: removes it, unless an artifact's row
    /// names it or somebody else has just stored the same bytes. Call it once for each time it was stored.
    ///
    /// # Errors
    /// [`PlatformError::Db`] or [`PlatformError::Store`]; the object stays then, and is swept at the next start.
    pub async fn release(&self, digest: Digest) -> Result<(), PlatformError> {
        self.store.release(digest, &self.db).await
    }

    /// Stops the queue and closes the database.
    pub async fn close(&self) {
        self.queue.close();
        self.db.close().await;
    }
}

fn sandbox(config: &Config) -> Sandbox {
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

/// Removes objects that no artifact names. Only at the start, under the lock, before anything can be stored.
async fn sweep_objects(db: &Db, store: &Store) -> Result<(), PlatformError> {
    let mut removed = 0_u64;
    for first in 0..=u8::MAX {
        let folder = hex::encode([first]);
        let stored = store.objects_under(&folder).await?;
        if stored.is_empty() {
            continue;
        }
        let named = db.objects_under(&folder).await?;
        for digest in stored {
            if named.binary_search(&digest).is_err() {
                store.remove(digest).await?;
                removed += 1;
            }
        }
    }
    if removed > 0 {
        tracing::info!(removed, "objects that no artifact names were removed");
    }
    Ok(())
}

/// Empties the metrics' buffers for as long as the configuration, and with it the platform, is in use.
fn keep_metrics(config: &Arc<Config>) {
    let alive = Arc::downgrade(config);
    tokio::spawn(async move {
        while alive.strong_count() > 0 {
            tokio::time::sleep(UPKEEP).await;
            telemetry::metrics::upkeep();
        }
    });
}

#[cfg(test)]
mod tests;
