//! The routes, a file for each group of handlers.

mod artifacts;
mod docs;
mod download;
mod events;
mod health;
mod jobs;
mod metrics;
mod queue;
mod reproduce;
mod status;
mod submit;
mod trust;
mod verify;
mod workers;

use actix_web::{
    HttpRequest, Resource, Route, guard,
    http::{StatusCode, header},
    web,
};
use assay_platform::ids::JobId;

use crate::problem::Problem;

/// Adds every route.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let post = |path: &str, route: Route| {
        let otherwise = || method_not_allowed("POST");
        web::resource(path)
            .route(route)
            .default_service(web::to(move || async move { otherwise() }))
    };
    config
        .service(read("/job_status/{job_id}", get().to(status::job_status)))
        .configure(configure_status)
        .service(read("/trust", get().to(trust::trust)))
        .service(read("/jobs", get().to(jobs::list)))
        .service(
            web::resource("/jobs/{job_id}")
                .route(get().to(jobs::job))
                .route(web::delete().to(jobs::cancel))
                .default_service(web::to(|| async {
                    method_not_allowed("GET, HEAD, DELETE")
                })),
        )
        .service(post(
            "/jobs/{job_id}/reproduce",
            web::post().to(reproduce::reproduce),
        ))
        .service(read("/jobs/{job_id}/events", get().to(events::events)))
        .service(read("/job_artifacts/{job_id}", get().to(artifacts::list)))
        .service(read(
            "/job_artifacts/{job_id}/{artifact_name:.+}",
            get().to(artifacts::link),
        ))
        .service(read("/download/{digest}", get().to(download::download)))
        .service(post(
            "/submit_job_by_model_and_data",
            web::post().to(submit::submit),
        ))
        .service(read("/workers", get().to(workers::list)))
        .service(post(
            "/workers/{name}/drain",
            web::post().to(workers::drain),
        ))
        .service(post(
            "/workers/{name}/undrain",
            web::post().to(workers::undrain),
        ))
        .service(read("/queue", get().to(queue::show)))
        .service(read("/queue/dead", get().to(queue::dead)))
        .service(post("/queue/redrive", web::post().to(queue::redrive)))
        .service(post("/verify_in-toto_link", web::post().to(verify::link)))
        .service(post("/verify_file_hash", web::post().to(verify::file_hash)))
        .service(post(
            "/verify_minio_artifacts",
            web::post().to(verify::artifacts),
        ))
        .service(post("/verify_bom_and_link", web::post().to(verify::bom)))
        .service(read("/openapi.json", get().to(docs::openapi)))
        .service(read("/docs", get().to(docs::redirect)))
        .service(read("/docs/{file:.*}", get().to(docs::page)));
}

/// Adds health and metrics, which every service has.
pub(crate) fn configure_status(config: &mut web::ServiceConfig) {
    config
        .service(read("/health", get().to(health::health)))
        .service(read("/metrics", get().to(metrics::metrics)));
}

/// A resource that is only read.
fn read(path: &str, route: Route) -> Resource {
    web::resource(path)
        .route(route)
        .default_service(web::to(|| async { method_not_allowed("GET, HEAD") }))
}

/// GET, and HEAD, which is answered by the same handler without the body.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn method_not_allowed(allowed: &'static str) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "route.method_not_allowed",
        format!("this can only be asked for with {allowed}"),
    )
    .allow(allowed)
}

/// The job id in a path. A text that is no id names no job.
fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|_| Problem::no_job(text))
}

/// The pairs of a query string, each key at most once unless it is in `repeatable`; a key that is not expected is
/// refused, because a filter that is silently ignored gives a wrong answer.
fn query(
    request: &HttpRequest,
    expected: &[&str],
    repeatable: &[&str],
) -> Result<Vec<(String, String)>, Problem> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
        .map_err(|error| Problem::bad_request("query.malformed", error.to_string()))?
        .into_inner();
    for (index, (key, _)) in pairs.iter().enumerate() {
        if !expected.contains(&key.as_str()) {
            let key: String = key.chars().take(80).collect();
            let detail = format!(
                "there is no query key {key:?}; expected {}",
                expected.join(", ")
            );
            return Err(Problem::bad_request("query.unknown_key", detail).field(key));
        }
        let before = pairs.iter().take(index).any(|(other, _)| other == key);
        if before && !repeatable.contains(&key.as_str()) {
            let detail = format!("{key} is there more than once");
            return Err(Problem::bad_request("query.repeated_key", detail).field(key.clone()));
        }
    }
    Ok(pairs)
}

/// A JSON answer that is never to be cached: the next one may differ.
fn fresh() -> (header::HeaderName, &'static str) {
    (header::CACHE_CONTROL, "no-store")
}
