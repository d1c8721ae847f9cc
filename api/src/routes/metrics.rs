use actix_web::{HttpResponse, http::header, web::Data};
use assay_platform::telemetry::{
    metrics::{JOBS, OUTBOX_OVERDUE, QUEUE_DEPTH},
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
    ::metrics::gauge!(OUTBOX_OVERDUE).set(probe.platform.db.overdue().await? as f64);
    // Without a connection the last figures stand; the connection itself is told of in `/health`. What has no broker knows
    // nothing of its queues.
    if probe.platform.service.uses_queue()
        && let Ok(depths) = probe.platform.queue.depths().await
    {
        for depth in depths {
            let (class, priority) = (depth.class.as_str(), depth.priority.as_str());
            let gauge = ::metrics::gauge!(QUEUE_DEPTH, "class" => class, "priority" => priority);
            gauge.set(depth.waiting as f64);
        }
    }
    Ok(HttpResponse::Ok()
        .insert_header(fresh())
        .insert_header((
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        ))
        .body(render()))
}
