use actix_web::{HttpResponse, http::header, web::Data};
use assay_platform::telemetry::{
    metrics::{JOBS, QUEUE_DEPTH},
    render,
};

use super::fresh;
use crate::{probe::Probe, problem::Problem};

/// Figures of the service, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((status = 200, description = "Prometheus text format", content_type = "text/plain", body = String))
)]
pub(crate) async fn metrics(probe: Data<Probe>) -> Result<HttpResponse, Problem> {
    for (status, count) in probe.platform.db.counts().await? {
        // Exact up to 2^53 jobs.
        ::metrics::gauge!(JOBS, "status" => status.as_str()).set(count as f64);
    }
    ::metrics::gauge!(QUEUE_DEPTH).set(probe.platform.queue.depth() as f64);
    Ok(HttpResponse::Ok()
        .insert_header(fresh())
        .insert_header((
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        ))
        .body(render()))
}
