//! What goes on for as long as a platform is in use.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::Platform;
use crate::{
    Config,
    objects::{Collected, Collector},
    store::Store,
    telemetry,
};

/// How often a server's bucket is tidied.
const COLLECT: Duration = Duration::from_secs(30 * 60);

/// How often the metrics' buffers are emptied.
const UPKEEP: Duration = Duration::from_secs(10);

/// Tidies the server's bucket again and again for as long as the platform is in use.
pub(super) fn keep_collecting(platform: &Platform) {
    let alive = Arc::downgrade(&platform.config);
    let (store, db) = (platform.store.clone(), platform.db.clone());
    tokio::spawn(async move {
        loop {
            sleep(COLLECT).await;
            let Some(age) = alive.upgrade().map(|config| config.store.keep_unnamed) else {
                return;
            };
            let Store::S3(store) = &store else {
                return;
            };
            match Collector::new(store, &db, age).run().await {
                Ok(Collected {
                    removed,
                    unclear,
                    uploads,
                }) if removed + unclear + uploads > 0 => {
                    tracing::info!(removed, unclear, uploads, "what nothing names was removed");
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the store could not be tidied; it is tried again later")
                }
            }
        }
    });
}

/// Empties the metrics' buffers for as long as the configuration, and with it the platform, is in use.
pub(super) fn keep_metrics(config: &Arc<Config>) {
    let alive = Arc::downgrade(config);
    tokio::spawn(async move {
        while alive.strong_count() > 0 {
            sleep(UPKEEP).await;
            telemetry::metrics::upkeep();
        }
    });
}
