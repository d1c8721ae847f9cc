use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::job::Class;

/// How doorbells get to workers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueConfig {
    /// Address of the broker, as `amqp://user@host:5672/vhost`, without a password; empty: within this process.
    pub url: String,
    /// File with the password; empty path: none.
    pub password_file: PathBuf,
    /// A file of authorities (PEM) to trust beside those of this machine; empty for none.
    pub ca_file: PathBuf,
    /// What the names of exchanges and queues begin with.
    pub prefix: String,
    /// The jobs that this process' worker takes.
    pub class: Class,
    /// Doorbells that one queue holds at most; further ones wait in the database.
    pub max_length: u32,
    /// How often a doorbell may come back undelivered before it is put aside as a dead letter.
    pub delivery_limit: u32,
    /// A doorbell whose job is not claimed for so long rings again, then after twice as long, and so on.
    #[serde(
        rename = "lost_after_seconds",
        deserialize_with = "crate::config::seconds"
    )]
    pub lost_after: Duration,
}
