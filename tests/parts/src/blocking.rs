//! Asynchronous clients, used from anywhere.

use std::future::Future;

use anyhow::{Context as _, anyhow};

/// Runs this to its end on a thread of its own: the caller may be inside a runtime, where blocking is refused.
pub(crate) fn run<T: Send>(
    work: impl Future<Output = anyhow::Result<T>> + Send,
) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .context("a runtime for this call")?
                    .block_on(work)
            })
            .join()
            .map_err(|_| anyhow!("the call panicked"))?
    })
}
