use std::{net::TcpListener, time::Duration};

use actix_web::{App, HttpServer, web};
use assay_platform::{Platform, descriptors, shutdown::wanted, upkeep};
use tokio::sync::watch;

use crate::{ApiError, app, probe::Probe, service::Service};

/// Threads that serve requests; what takes long in a request runs elsewhere.
const THREADS: usize = 2;
/// Connections open at a time on each thread, at most.
const CONNECTIONS: u64 = 4096;
/// File descriptors that are kept for everything but connections and what they read or write.
const OTHER_FILES: u64 = 256;
/// How long a connection without a request stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long the head of a request may take to come in.
const HEAD: Duration = Duration::from_secs(10);
/// How long what is left of a refused request is still read, so that its client gets to read the answer.
const LINGER: Duration = Duration::from_secs(5);
/// How long answers under way may take when the service is to stop.
const LAST_ANSWERS_SECONDS: u64 = 2;

/// Serves HTTP on `listener` until `shutdown` turns true or its sender is gone; answers under way are finished then.
///
/// Needs a Tokio runtime; requests are served on threads of their own.
///
/// # Errors
/// [`ApiError`] when the service cannot start, or its listener breaks.
pub async fn run(
    platform: Platform,
    listener: TcpListener,
    shutdown: watch::Receiver<bool>,
) -> Result<(), ApiError> {
    if platform.queue.is_shared() {
        tokio::spawn(upkeep::keep(platform.clone(), shutdown.clone()));
    }
    let probe = web::Data::new(Probe::new(platform.clone()));
    let service = web::Data::new(Service::new(platform, shutdown.clone())?);
    let configure = app::configure(service, probe);
    serve(listener, shutdown, THREADS, configure).await
}

/// Serves `GET /health` and `GET /metrics` alone, for a service that is no API; otherwise as [`run`].
///
/// # Errors
/// [`ApiError`] when its listener breaks.
pub async fn run_status(
    platform: Platform,
    listener: TcpListener,
    shutdown: watch::Receiver<bool>,
) -> Result<(), ApiError> {
    let probe = web::Data::new(Probe::new(platform));
    serve(listener, shutdown, 1, app::configure_status(probe)).await
}

async fn serve(
    listener: TcpListener,
    mut shutdown: watch::Receiver<bool>,
    threads: usize,
    configure: impl FnOnce(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> Result<(), ApiError> {
    let connections = connections(descriptors::raise_limit()?);
    let server = HttpServer::new(move || {
        App::new()
            .wrap(app::headers())
            .wrap_fn(app::guard)
            .configure(configure.clone())
    })
    .workers(threads)
    .max_connections(connections)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD)
    .client_disconnect_timeout(LINGER)
    .shutdown_timeout(LAST_ANSWERS_SECONDS)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    let stop = async {
        wanted(&mut shutdown).await;
        handle.stop(true).await;
    };
    let (ended, ()) = tokio::join!(server, stop);
    Ok(ended?)
}

/// Connections for each thread, so that the process never runs out of file descriptors: each may have a file open beside
/// its socket, and its worker's share of the others is left free.
fn connections(file_limit: u64) -> usize {
    let each = file_limit.saturating_sub(OTHER_FILES) / (2 * THREADS as u64);
    usize::try_from(each.clamp(16, CONNECTIONS)).unwrap_or(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_stay_below_the_limit_of_open_files() {
        for limit in [512, 1024, 4096, 65_536, u64::MAX] {
            let all = (connections(limit) * THREADS) as u64;
            assert!(2 * all + OTHER_FILES <= limit, "{limit}");
        }
        assert_eq!(connections(1024), 192);
        assert_eq!(connections(1 << 20), 4096);
    }
}
