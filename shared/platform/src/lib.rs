//! What every service stands on: jobs and their states, database, store, queue, sandbox, keys, configuration.
//!
//! Each part with two real implementations is an enum chosen by configuration; the embedded defaults are
//! SQLite, a local folder, an in-process queue and a restricted child process.

pub mod backoff;
pub mod bundle;
pub mod checkpoint;
pub mod config;
pub mod db;
pub mod descriptors;
pub mod disk;
pub mod ids;
pub mod job;
pub mod keys;
pub mod memory;
pub mod queue;
pub mod sandbox;
pub mod scan;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod upkeep;
pub mod worker;

mod holds;
mod objects;
mod owned;
mod platform;
mod secret;
mod service;

pub use config::{Config, ConfigError};
pub use platform::{Platform, PlatformError, TRAINER_COMMAND, prepare};
pub use service::Service;
