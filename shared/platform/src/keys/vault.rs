//! Keys in the transit engine of an `OpenBao` or `HashiCorp` Vault server: it signs, and no private key leaves it.
//!
//! A key of ours is a key of the engine, under the name that its file would have. One that takes its place is its next
//! version; `trust.json` says which of the versions may sign when.

mod client;
mod key;
mod policy;
mod settings;

use std::{fmt, sync::Arc};

use assay_attest::SignerError;
use tokio::runtime::Runtime;

use super::{KeyError, VaultConfig};
use client::Client;

pub use policy::Grant;

/// A transit engine. Clones share it.
///
/// Its methods wait for the server's answer, on whatever thread they are called: not for use in asynchronous code.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: VaultConfig,
    client: Client,
    /// Its own, so that a signature can be waited for by any thread; taken at the end.
    runtime: Option<Runtime>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({})", self.0.config.address)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Dropped as it is, a runtime would wait for its threads, which asynchronous code may not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Engine {
    /// An engine by its settings. Asks no server.
    ///
    /// # Errors
    /// [`KeyError::Engine`] for settings that cannot be meant.
    pub fn open(config: VaultConfig) -> Result<Self, KeyError> {
        let wrong = |reason: String| KeyError::Engine {
            place: "keys.vault".to_owned(),
            reason,
            passing: false,
        };
        settings::check(&config).map_err(wrong)?;
        let client = Client::open(&config).map_err(wrong)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("keys-engine")
            .enable_all()
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self(Arc::new(Inner {
            config,
            client,
            runtime: Some(runtime),
        })))
    }

    fn error(&self, file: &str, error: SignerError) -> KeyError {
        KeyError::Engine {
            place: self.place_of(file),
            reason: error.reason,
            passing: error.passing,
        }
    }

    /// What people know a key by.
    pub(super) fn place_of(&self, file: &str) -> String {
        let config = &self.0.config;
        let (mount, name) = (&config.mount, self.key_name(file));
        format!("the key {mount}/{name} at {}", config.address)
    }

    /// The engine's name of the key that would have this file.
    fn key_name(&self, file: &str) -> String {
        let stem = file.strip_suffix(".pem").unwrap_or(file);
        format!("{}{stem}", self.0.config.prefix)
    }
}

#[cfg(test)]
mod tests;
