use actix_web::{HttpResponse, http::StatusCode, web::Data};
use assay_platform::sandbox::Isolation;
use serde::Serialize;
use utoipa::ToSchema;

use super::fresh;
use crate::probe::Probe;

/// Whether the service can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `failing` when a part does not work.
    status: &'static str,
    /// The service's version.
    version: &'static str,
    /// Each part.
    parts: Parts,
}

/// The state of each part: `ok`, or what is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Parts {
    /// Can be written to.
    database: String,
    /// It answers.
    store: String,
    /// `ok`, or why the broker cannot be reached. Jobs are taken in all the same: their doorbells wait in the database.
    /// Absent of a scanner, which needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    /// Doorbells that wait for a worker; absent while the broker cannot be reached, and of a scanner.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_depth: Option<u64>,
    /// Can seal a room.
    sandbox: String,
    /// What keeps the trainer in its room on this machine; absent when the sandbox fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    isolation: Option<Isolation>,
}

/// Whether the service lives, and the state of each part.
#[utoipa::path(
    get, path = "/health", tag = "service",
    responses(
        (status = 200, description = "Every part works", body = Health),
        (status = 503, description = "A part does not", body = Health),
    )
)]
pub(crate) async fn health(probe: Data<Probe>) -> HttpResponse {
    let platform = &probe.platform;
    let word = |result: Result<(), String>| result.err().unwrap_or_else(|| "ok".to_owned());
    let database = platform.db.check_writing().await;
    let store = platform.store.answers().await;
    let isolation = probe.isolation().await;
    let (mut queue, mut depths) = (None, None);
    if platform.service.rings() {
        queue = Some(platform.queue.health().to_string());
        depths = platform.queue.depths().await.ok();
    }
    let parts = Parts {
        database: word(database.map_err(|error| error.to_string())),
        store: word(store.map_err(|error| error.to_string())),
        queue,
        queue_depth: depths.map(|all| all.iter().map(|depth| depth.waiting).sum()),
        sandbox: word(isolation.as_ref().map(drop).map_err(Clone::clone)),
        isolation: isolation.ok(),
    };
    // An API goes on without the broker: what it takes in waits in the database. A worker hears of nothing.
    let needs_queue = !platform.service.serves();
    let works = [&parts.database, &parts.store, &parts.sandbox]
        .into_iter()
        .chain(parts.queue.as_ref().filter(|_| needs_queue))
        .all(|part| *part == "ok");
    let (code, status) = if works {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "failing")
    };
    HttpResponse::build(code)
        .insert_header(fresh())
        .json(Health {
            status,
            version: env!("CARGO_PKG_VERSION"),
            parts,
        })
}
