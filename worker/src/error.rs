use assay_platform::{db::DbError, keys::KeyError, queue::QueueError};

/// Why a worker could not start or go on. What goes wrong with one job never ends a worker.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The database failed while other workers were looked for and jobs of an earlier run were taken up again.
    #[error("the worker could not take up its earlier jobs: {0}")]
    Database(DbError),
    /// The worker has no key to sign with.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The configuration asks for what this worker cannot do.
    #[error("configuration: {0}")]
    Config(String),
    /// The file that tells this folder from others cannot be read or made.
    #[error("the worker has no name: {0}")]
    Name(std::io::Error),
    /// Another process works under the same name.
    #[error(
        "another worker works as {0}: its folder is a copy of this one. Remove worker.id from one of the two, or give this worker a new folder (--dir)"
    )]
    Double(String),
    /// The queue refused a doorbell.
    #[error("the worker could not fill the queue: {0}")]
    Queue(#[from] QueueError),
    /// The program that trains cannot be read, so no record could say what it was.
    #[error("the trainer program {path} cannot be read: {source}")]
    Program {
        /// Its path.
        path: String,
        /// What the system answered.
        source: std::io::Error,
    },
}
