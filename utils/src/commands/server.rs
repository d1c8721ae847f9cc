//! The server in one process: the same API and worker that a deployment runs apart.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context;
use assay_platform::{Config, Platform};
use tokio::{sync::watch, task::JoinHandle};

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    platform: Platform,
    stop: watch::Sender<bool>,
    api: JoinHandle<anyhow::Result<()>>,
    worker: JoinHandle<anyhow::Result<()>>,
    /// Only where images are named.
    scanner: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Server {
    /// Opens the parts and starts API and worker.
    pub(crate) async fn start(config: Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen)
            .with_context(|| format!("cannot listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let platform = Platform::open(config).await?;
        let (stop, stopping) = watch::channel(false);
        let worker = tokio::spawn({
            let (platform, stopping) = (platform.clone(), stopping.clone());
            async move { Ok(assay_worker::run(platform, stopping).await?) }
        });
        let scanner = (!platform.config.scan.images.is_empty()).then(|| {
            let (platform, stopping) = (platform.clone(), stopping.clone());
            tokio::spawn(async move { Ok(assay_scanner::run(platform, stopping).await?) })
        });
        let api = tokio::spawn({
            let platform = platform.clone();
            async move { Ok(assay_api::run(platform, listener, stopping).await?) }
        });
        Ok(Self {
            address,
            platform,
            stop,
            api,
            worker,
            scanner,
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
            ended = ended(&mut self.scanner) => Some(ended),
        };
        match early {
            None => self.stop().await,
            Some(ended) => {
                self.stop.send_replace(true);
                ended??;
                anyhow::bail!("a part of the server ended by itself")
            }
        }
    }

    /// Stops it: running jobs go back to the queue, open answers are finished.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.worker.await??;
        self.api.await??;
        if let Some(scanner) = self.scanner {
            scanner.await??;
        }
        self.platform.close().await;
        Ok(())
    }
}

/// Waits for a part that may not be there, which never ends.
async fn ended(
    part: &mut Option<JoinHandle<anyhow::Result<()>>>,
) -> Result<anyhow::Result<()>, tokio::task::JoinError> {
    match part {
        Some(part) => part.await,
        None => std::future::pending().await,
    }
}

/// Runs an async main on as many threads as the machine has.
pub(crate) fn block_on<T>(main: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(main)
}
