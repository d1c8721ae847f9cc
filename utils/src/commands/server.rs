//! A running service: the API, the worker, or both in one process.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use anyhow::Context;
use assay_platform::{Config, Platform, Service};
use tokio::{sync::watch, task::JoinSet};

/// How long everything may take to stop: longer than a worker's attempts may, and shorter than `stop_grace_period` in
/// `docker-compose.yml`. What has not stopped then is left to its lease.
const STOP_WITHIN: Duration = Duration::from_secs(45);

/// A running service.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens, if it does.
    address: Option<SocketAddr>,
    platform: Platform,
    stop: watch::Sender<bool>,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Server {
    /// Opens the parts and starts everything in this process.
    pub(crate) async fn start(config: Config) -> anyhow::Result<Self> {
        Self::start_for(config, Service::All).await
    }

    /// Opens the parts that a service needs, and starts it.
    pub(crate) async fn start_for(config: Config, service: Service) -> anyhow::Result<Self> {
        let wanted = if service.serves() {
            Some(config.listen)
        } else {
            config.status.listen
        };
        let listener = wanted.map(listen).transpose()?;
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let platform = Platform::open_for(config, service).await?;
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        if service.trains() {
            let (platform, stopping) = (platform.clone(), stopping.clone());
            tasks.spawn(async move { Ok(assay_worker::run(platform, stopping).await?) });
        }
        // Beside others a scanner runs only where images are named; alone it says that none are.
        let scans = service == Service::Scanner || !platform.config.scan.images.is_empty();
        if service.scans() && scans {
            let (platform, stopping) = (platform.clone(), stopping.clone());
            tasks.spawn(async move { Ok(assay_scanner::run(platform, stopping).await?) });
        }
        if let Some(listener) = listener {
            let platform = platform.clone();
            tasks.spawn(async move {
                if service.serves() {
                    Ok(assay_api::run(platform, listener, stopping).await?)
                } else {
                    Ok(assay_api::run_status(platform, listener, stopping).await?)
                }
            });
        }
        Ok(Self {
            address,
            platform,
            stop,
            tasks,
        })
    }

    /// Its address as a URL, if it listens.
    pub(crate) fn url(&self) -> Option<String> {
        self.address.map(|address| format!("http://{address}"))
    }

    /// Waits until somebody stops it (Ctrl-C, SIGTERM) or a part fails, then stops the rest.
    pub(crate) async fn wait(mut self) -> anyhow::Result<()> {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let early = tokio::select! {
            _ = tokio::signal::ctrl_c() => None,
            _ = terminate.recv() => None,
            ended = self.tasks.join_next() => ended,
        };
        let stopped = self.stop().await;
        match early {
            None => stopped,
            Some(ended) => {
                ended??;
                anyhow::bail!("a part of the service ended by itself")
            }
        }
    }

    /// Stops it: nothing is taken in any more, running jobs go back to the queue, open answers are finished, and then
    /// the database is closed.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        let mut first = Ok(());
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                let ended = ended.map_err(anyhow::Error::from).flatten();
                if first.is_ok() {
                    first = ended;
                }
            }
            self.platform.close().await;
        };
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            tracing::warn!("not everything stopped in time; what is left undone is done by others");
        }
        first
    }
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() {
        tracing::warn!(
            %address,
            "other machines can reach this service, and there is NO AUTHENTICATION: whoever reaches it may hand in, \
             read and stop every job"
        );
    }
    TcpListener::bind(address).with_context(|| {
        format!(
            "cannot listen on {address}; is another service there? --listen chooses another address"
        )
    })
}

/// The stack of each thread: the deepest calls, into the client of the store, need more than the usual 2 MiB in a build
/// without optimisation. Memory is taken only as far as a stack has been used.
const STACK: usize = 8 << 20;

/// Runs an async main on as many threads as the machine has.
pub(crate) fn block_on<T>(main: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()?
        .block_on(main)
}
