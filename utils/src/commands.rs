//! One file a command.

pub(crate) mod api;
pub(crate) mod artifacts;
pub(crate) mod bom;
pub(crate) mod cancel;
pub(crate) mod demo;
pub(crate) mod get;
pub(crate) mod healthcheck;
pub(crate) mod intoto;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod model;
pub(crate) mod open;
pub(crate) mod prepare;
pub(crate) mod queue;
pub(crate) mod reproduce;
pub(crate) mod sample;
pub(crate) mod scanner;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod up;
pub(crate) mod verify;
mod watch;
pub(crate) mod witness;
pub(crate) mod worker;
pub(crate) mod workers;

use std::process::ExitCode;

use crate::{cli::Server, client::Client};

/// Runs a command that talks to a server.
pub(crate) fn client<F>(
    server: &Server,
    command: impl FnOnce(Client) -> F,
) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    let client = Client::new(&server.address, server.ca_file.as_deref())?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(command(client))
}
