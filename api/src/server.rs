use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, web};
use assay_platform::Platform;
use tokio::sync::watch;

use crate::{ApiError, app, service::Service};

/// Threads that serve requests; what takes long in a request runs elsewhere.
const THREADS: usize = 2;
/// Connections open at a time, on each thread.
const CONNECTIONS: usize = 4096;
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
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), ApiError> {
    let service = web::Data::from(Arc::new(Service::new(platform, shutdown.clone())?));
    let server = HttpServer::new(move || {
        App::new()
            .wrap(app::headers())
            .wrap_fn(app::guard)
            .configure(app::configure(service.clone()))
    })
    .workers(THREADS)
    .max_connections(CONNECTIONS)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD)
    .client_disconnect_timeout(LINGER)
    .shutdown_timeout(LAST_ANSWERS_SECONDS)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    let stop = async {
        // The answer guards the value; it is dropped here, before anything else is awaited.
        let _gone = shutdown.wait_for(|stop| *stop).await.is_err();
        handle.stop(true).await;
    };
    let (ended, ()) = tokio::join!(server, stop);
    Ok(ended?)
}
