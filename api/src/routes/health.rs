use actix_web::{HttpResponse, http::StatusCode, web::Data};
use assay_platform::{Platform, sandbox::Isolation};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::fresh;
use crate::probe::Probe;

/// The word for a part that works.
const OK: &str = "ok";

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
    /// Whether the files of this service's keys still hold the keys that it uses.
    keys: String,
    /// The private keys that it holds.
    keys_held: Vec<KeyHeld>,
    /// Room for another job where rooms are made.
    disk: String,
    /// Bytes that can still be written there; absent when they cannot be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_free_bytes: Option<u64>,
    /// Scans of images; absent where none are configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    scans: Option<String>,
    /// When the newest scan was that succeeded; absent when none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_scan_at: Option<OffsetDateTime>,
}

/// A private key, by what is public of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyHeld {
    /// What it signs for: `api`, `worker`, `scanner` or `platform`.
    role: &'static str,
    /// Its id, as links and layouts name it.
    keyid: String,
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
    let database = platform.db.check_writing().await;
    let store = platform.store.answers().await;
    let isolation = probe.isolation().await;
    let disk = platform.disk().await;
    let keys = platform.check_keys().await;
    let (scans, last_scan_at) = scans(platform).await.unzip();
    let (mut queue, mut depths) = (None, None);
    if platform.service.uses_queue() {
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
        keys: word(keys.as_ref().map(drop).map_err(ToString::to_string)),
        keys_held: held(platform),
        disk: match &disk {
            Ok(disk) if disk.is_low() => disk.to_string(),
            Ok(_) => OK.to_owned(),
            Err(error) => error.to_string(),
        },
        disk_free_bytes: disk.ok().map(|disk| disk.free_bytes),
        scans,
        last_scan_at: last_scan_at.flatten(),
    };
    // An API goes on without the broker: what it takes in waits in the database. A worker hears of nothing.
    let needs_queue = !platform.service.serves();
    // Without room no job is begun.
    let needs_disk = platform.service.trains();
    let works = [&parts.database, &parts.store, &parts.sandbox]
        .into_iter()
        .chain(parts.queue.as_ref().filter(|_| needs_queue))
        .chain(needs_disk.then_some(&parts.disk))
        .all(|part| *part == OK);
    // Those that were read sign on, unless what signs with them is away.
    let works = works && !keys.is_err_and(|error| error.is_passing());
    let (code, status) = if works {
        (StatusCode::OK, OK)
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

/// What is wrong with a part, or that nothing is.
fn word(result: Result<(), String>) -> String {
    result.err().unwrap_or_else(|| OK.to_owned())
}

fn held(platform: &Platform) -> Vec<KeyHeld> {
    let all = platform.keys.held().into_iter();
    all.map(|key| KeyHeld {
        role: key.role,
        keyid: key.keyid.to_string(),
    })
    .collect()
}

/// How scans stand, and when the last good one was; `None` where none are configured.
async fn scans(platform: &Platform) -> Option<(String, Option<OffsetDateTime>)> {
    let config = &platform.config.scan;
    if !config.is_wanted() {
        return None;
    }
    Some(match platform.db.scan_times().await {
        Ok(times) => (
            times.trouble(config).unwrap_or_else(|| OK.to_owned()),
            times.last_success.map(|(at, _)| at),
        ),
        Err(error) => (error.to_string(), None),
    })
}
