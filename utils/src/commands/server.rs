//! The server in one process: the same API and worker that a deployment runs apart.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

use anyhow::Context;
use assay_platform::{Config, Platform};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::room;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    api: JoinHandle<anyhow::Result<()>>,
    worker: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    /// Opens the parts and starts API and worker.
    pub(crate) async fn start(mut config: Config) -> anyhow::Result<Self> {
        let program = own_program()?;
        config.sandbox.launcher = vec![program.clone(), room::ENTER.into()];
        if config.sandbox.trainer.is_empty() {
            config.sandbox.trainer = vec![program, room::TRAINER.into()];
        }
        let listener = TcpListener::bind(config.listen)
            .with_context(|| format!("cannot listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let platform = Platform::open(config).await?;
        let stop = CancellationToken::new();
        let worker = tokio::spawn({
            let (platform, stop) = (platform.clone(), stop.clone());
            async move { Ok(assay_worker::run(platform, stop).await?) }
        });
        let api = tokio::spawn({
            let stop = stop.clone();
            async move { Ok(assay_api::run(platform, listener, stop).await?) }
        });
        Ok(Self {
            address,
            stop,
            api,
            worker,
        })
    }

    /// Its address as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until somebody stops it (Ctrl-C, SIGTERM) or a part fails, then stops the rest.
    pub(crate) async fn wait(mut self) -> anyhow::Result<()> {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let early = tokio::select! {
            _ = tokio::signal::ctrl_c() => None,
            _ = terminate.recv() => None,
            ended = &mut self.api => Some(ended),
            ended = &mut self.worker => Some(ended),
        };
        match early {
            None => self.stop().await,
            Some(ended) => {
                self.stop.cancel();
                ended??;
                anyhow::bail!("a part of the server ended by itself")
            }
        }
    }

    /// Stops it: running jobs go back to the queue, open answers are finished.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.worker.await??;
        self.api.await??;
        Ok(())
    }
}

/// The path of this program, even when its file was replaced since it started.
fn own_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find the program's own file")
}

/// Runs an async main on as many threads as the machine has.
pub(crate) fn block_on<T>(main: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(main)
}
