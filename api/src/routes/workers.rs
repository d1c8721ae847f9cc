use std::time::Duration;

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use assay_attest::Digest;
use assay_platform::{
    ids::JobId,
    job::Class,
    worker::{WorkerRow, WorkerState},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::fresh;
use crate::{problem::Problem, service::Service};

/// A worker says every second that it is there. One that was silent for so long is likely gone.
const SILENT: Duration = Duration::from_secs(10);

/// A worker, as it described itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerView {
    /// Its name, the same after a restart.
    name: String,
    /// `ready`, `draining` (takes no new jobs), or `silent` (was not heard of for ten seconds).
    state: &'static str,
    /// The jobs that it takes: `cpu` or `gpu`.
    #[schema(value_type = String)]
    class: Class,
    /// Jobs that it can run at the same time.
    slots: u32,
    /// Jobs that it runs.
    #[schema(value_type = Vec<uuid::Uuid>)]
    running: Vec<JobId>,
    /// Version of the program.
    version: String,
    /// The image that it trains in; absent without containers.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    /// The digest of that image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    image_digest: Option<Digest>,
    /// Whether it is to take no new jobs.
    draining: bool,
    /// When it was last heard of, by the database's clock (RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    seen_at: OffsetDateTime,
}

/// All workers that were heard of within a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Workers {
    /// By name.
    workers: Vec<WorkerView>,
}

/// What a worker was told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Told {
    /// Its name.
    name: String,
    /// Whether it is to take no new jobs. It learns of this within about a second.
    draining: bool,
}

/// The workers.
#[utoipa::path(
    get, path = "/workers", tag = "workers",
    responses((status = 200, description = "The workers that were heard of within a day", body = Workers))
)]
pub(crate) async fn list(service: Data<Service>) -> Result<HttpResponse, Problem> {
    let workers = service.platform.db.workers().await?;
    let workers = workers.into_iter().map(view).collect();
    Ok(HttpResponse::Ok()
        .insert_header(fresh())
        .json(Workers { workers }))
}

/// Let a worker take no new jobs. Those that it runs go on.
#[utoipa::path(
    post, path = "/workers/{name}/drain", tag = "workers",
    params(("name" = String, Path, description = "The worker's name")),
    responses(
        (status = 200, description = "It will take no new jobs", body = Told),
        (status = 404, description = "There is no such worker"),
    )
)]
pub(crate) async fn drain(
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    tell(&service, path.into_inner(), true).await
}

/// Let a worker take jobs again.
#[utoipa::path(
    post, path = "/workers/{name}/undrain", tag = "workers",
    params(("name" = String, Path, description = "The worker's name")),
    responses(
        (status = 200, description = "It will take jobs again", body = Told),
        (status = 404, description = "There is no such worker"),
    )
)]
pub(crate) async fn undrain(
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    tell(&service, path.into_inner(), false).await
}

async fn tell(service: &Service, name: String, draining: bool) -> Result<HttpResponse, Problem> {
    if !service.platform.db.drain(&name, draining).await? {
        let shown: String = name.chars().take(80).collect();
        let detail = format!("there is no worker {shown:?}; GET /workers lists them");
        return Err(Problem::not_found("worker.not_found", detail));
    }
    tracing::info!(worker = %name, draining, "somebody told a worker whether to take jobs");
    Ok(HttpResponse::Ok()
        .insert_header(fresh())
        .json(Told { name, draining }))
}

fn view(worker: WorkerState) -> WorkerView {
    let WorkerState {
        row,
        draining,
        seen_at,
        silent,
    } = worker;
    let WorkerRow {
        name,
        class,
        slots,
        running,
        version,
        image,
        image_digest,
    } = row;
    let state = match (silent > SILENT, draining) {
        (true, _) => "silent",
        (false, true) => "draining",
        (false, false) => "ready",
    };
    WorkerView {
        name,
        state,
        class,
        slots,
        running,
        version,
        image,
        image_digest,
        draining,
        seen_at,
    }
}
