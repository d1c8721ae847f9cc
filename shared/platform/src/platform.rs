use std::sync::Arc;

use crate::{Config, db::Db, job::LoggedEvent, ids::JobId, keys::Keys, queue::Queue, sandbox::Sandbox, store::Store};

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
}

/// Why the platform cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Another process works on the same folder.
    #[error("{0} is in use by another assay process")]
    Locked(String),
    /// A part could not be opened.
    #[error(transparent)]
    Other(#[from] Box<dyn std::error::Error + Send + Sync>),
}

#[allow(unused_variables)]
impl Platform {
    /// Opens every part; takes the folder's lock; makes keys when there are none and the folder is new.
    pub async fn open(config: Config) -> Result<Self, PlatformError> { todo!() }
    /// Told of a job whenever one of its events was written by this process.
    pub fn subscribe(&self) -> tokio::sync::broadcast::Receiver<JobId> { todo!() }
}
