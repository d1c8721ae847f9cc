//! The database as one SQLite file.

/// A pool over one SQLite file in WAL mode.
#[derive(Debug, Clone)]
pub struct Sqlite {}
