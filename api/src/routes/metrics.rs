use actix_web::{HttpResponse, http::header};
use assay_platform::telemetry;

use super::fresh;

/// Figures of the service, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((status = 200, description = "Prometheus text format", content_type = "text/plain", body = String))
)]
pub(crate) async fn metrics() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(fresh())
        .insert_header((
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        ))
        .body(telemetry::render())
}
