use assay_attest::Digest;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk.
    #[error("store: {0}")]
    Io(#[from] std::io::Error),
    /// The server that keeps the objects, or the way to it.
    #[error("store {place}: {reason}")]
    Remote {
        /// Its address and the bucket.
        place: String,
        /// What went wrong, and what to do about it where that is known.
        reason: String,
        /// Whether the same may work later without anybody's doing.
        passing: bool,
    },
    /// The settings of the store cannot be used.
    #[error("store: {0}")]
    Settings(String),
    /// More bytes than the upload may have.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The bytes that it may have.
        limit: u64,
    },
    /// The object's bytes are not those of its digest.
    #[error("object {expected} holds other bytes (sha256 {found})")]
    Corrupt {
        /// The digest that names it.
        expected: Digest,
        /// The digest of what lies there.
        found: Digest,
    },
    /// There is no such object.
    #[error("no object {0}")]
    Missing(Digest),
    /// There is no such scan report.
    #[error("no scan report {0:?}")]
    NoReport(String),
    /// The range ends before it starts, or lies outside the object.
    #[error("bytes {start} to {end} of an object of {bytes}")]
    Range {
        /// The first byte asked for.
        start: u64,
        /// The byte after the last one asked for.
        end: u64,
        /// The object's size.
        bytes: u64,
    },
    /// A task of the runtime ended early: the process is stopping.
    #[error("store: the work was stopped")]
    Stopped,
}

impl StoreError {
    /// Whether the same may work later without anybody's doing: a server that is away, overloaded or slow.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Remote { passing: true, .. } | Self::Stopped)
    }
}
