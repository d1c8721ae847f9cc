//! Waiting for something to become so.

use std::time::{Duration, Instant};

use anyhow::bail;

/// How long tests wait for what must happen: long, since a loaded machine is slow, and what works ends earlier.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits up to a minute until `ready` says so; `what` names it in the error.
pub fn until(what: &str, ready: impl FnMut() -> bool) -> anyhow::Result<()> {
    within(LIMIT, what, ready)
}

/// Waits up to `limit` until `ready` says so; `what` names it in the error.
pub fn within(limit: Duration, what: &str, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    while !ready() {
        if Instant::now() > end {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
