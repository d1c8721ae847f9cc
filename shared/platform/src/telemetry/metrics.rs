//! Every metric by name, and the one exporter (Prometheus text format).

use std::sync::OnceLock;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Jobs accepted.
pub const JOBS_SUBMITTED: &str = "assay_jobs_submitted_total";
/// Jobs that ended, by `status`.
pub const JOBS_ENDED: &str = "assay_jobs_ended_total";
/// Jobs in the database, by `status`.
pub const JOBS: &str = "assay_jobs";
/// Doorbells waiting.
pub const QUEUE_DEPTH: &str = "assay_queue_depth";
/// Seconds of an epoch.
pub const EPOCH_SECONDS: &str = "assay_epoch_seconds";
/// Seconds of the proof phase.
pub const PROOF_SECONDS: &str = "assay_proof_seconds";
/// Bytes taken in by uploads.
pub const UPLOAD_BYTES: &str = "assay_upload_bytes_total";
/// Requests answered, by `route` and `status`.
pub const HTTP_REQUESTS: &str = "assay_http_requests_total";

static EXPORTER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The process's exporter; installed at the first call. `None` when something else records metrics here.
pub fn exporter() -> Option<&'static PrometheusHandle> {
    EXPORTER.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder().ok()?;
    describe_counter!(JOBS_SUBMITTED, "Jobs accepted");
    describe_counter!(JOBS_ENDED, "Jobs that ended, by status");
    describe_gauge!(JOBS, "Jobs in the database, by status");
    describe_gauge!(QUEUE_DEPTH, "Doorbells waiting");
    describe_histogram!(EPOCH_SECONDS, "Seconds of an epoch");
    describe_histogram!(PROOF_SECONDS, "Seconds of the proof phase");
    describe_counter!(UPLOAD_BYTES, "Bytes taken in by uploads");
    describe_counter!(HTTP_REQUESTS, "Requests answered, by route and status");
    Some(handle)
}
