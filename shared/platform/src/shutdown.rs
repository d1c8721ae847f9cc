//! The signal by which a process tells its parts to stop.

use tokio::sync::watch;

/// Completes when the process is to stop: the signal is true, or nobody is left to give it.
pub async fn wanted(shutdown: &mut watch::Receiver<bool>) {
    // The answer guards the value; it is dropped here, before anything else is awaited.
    let _gone = shutdown.wait_for(|stop| *stop).await.is_err();
}
