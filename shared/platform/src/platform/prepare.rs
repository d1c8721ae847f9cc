//! What is done once, with accounts that may do it, before the services of a deployment start.

use super::{PlatformError, parts, wait};
use crate::{Config, Service, db::Db};

/// Brings the tables to this program's version, makes the buckets, and declares the broker's queues.
///
/// Doing it again is harmless. The services need no right to any of it afterwards. Each server is waited for, as a service does.
///
/// # Errors
/// [`PlatformError`] of the first part that refuses.
pub async fn prepare(config: &Config) -> Result<i64, PlatformError> {
    let patience = config.start.wait;
    let version = wait::until(
        "database",
        patience,
        |error: &PlatformError| error.is_passing(),
        async || Ok(Db::migrate(config, None).await?),
    )
    .await?;
    let store = parts::bare_store(config)?;
    wait::until(
        "store",
        patience,
        |error: &PlatformError| error.is_passing(),
        async || Ok(store.prepare().await?),
    )
    .await?;
    // Every connection declares what there is to be on the broker.
    parts::queue(config, Service::All).await?.close();
    Ok(version)
}
