//! Where the database is.

use std::{fmt, path::PathBuf};

use serde::Deserialize;

/// The `[database]` section.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user@host:port/name?sslmode=…`; empty for SQLite in the folder of everything that is kept.
    pub url: String,
    /// A file that holds the password and nothing else; empty for none, or one in the URL.
    pub password_file: PathBuf,
    /// Connections at most, beside one that listens for news. SQLite has its own number.
    pub connections: u32,
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may hold a password.
        f.debug_struct("DatabaseConfig")
            .field("url", &if self.url.is_empty() { "" } else { "…" })
            .field("password_file", &self.password_file)
            .field("connections", &self.connections)
            .finish()
    }
}
