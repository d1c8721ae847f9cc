//! Every metric's name, in one place, and the text that Prometheus reads.

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Jobs accepted.
pub const JOBS_SUBMITTED: &str = "assay_jobs_submitted_total";
/// Attempts that ended, by `end`: `completed`, `failed`, `cancelled`, `released`, `lost`.
pub const ATTEMPTS: &str = "assay_attempts_total";
/// Jobs in the database, by `status`.
pub const JOBS: &str = "assay_jobs";
/// Doorbells that wait in the queue, by `class` and `priority`.
pub const QUEUE_DEPTH: &str = "assay_queue_depth";
/// Doorbells that should have rung and have not: the queue does not take them.
pub const OUTBOX_OVERDUE: &str = "assay_outbox_overdue";
/// Doorbells sent to the broker.
pub const DOORBELLS_PUBLISHED: &str = "assay_doorbells_published_total";
/// Doorbells that the broker has confirmed.
pub const DOORBELLS_CONFIRMED: &str = "assay_doorbells_confirmed_total";
/// Doorbells that the broker has not taken, by `reason`: `full`, `unroutable`.
pub const DOORBELLS_REFUSED: &str = "assay_doorbells_refused_total";
/// Connections made to the broker, by `role`: `publish`, `get`. Each but the first is a reconnection.
pub const BROKER_CONNECTIONS: &str = "assay_broker_connections_total";
/// Leases that ran out.
pub const LEASES_EXPIRED: &str = "assay_leases_expired_total";
/// Wall time of an epoch.
pub const EPOCH_SECONDS: &str = "assay_epoch_seconds";
/// Time of the proof phase: hashing the outputs, signing, storing.
pub const PROOF_SECONDS: &str = "assay_proof_seconds";
/// Bytes that were uploaded and stored.
pub const UPLOAD_BYTES: &str = "assay_upload_bytes_total";
/// HTTP answers, by class of `status`.
pub const HTTP_REQUESTS: &str = "assay_http_requests_total";

/// Bounds of the histograms' buckets, in seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0,
];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts to record what the whole process counts; again is harmless. [`crate::Platform::open`] does it.
pub fn record() {
    RECORDER.get_or_init(|| {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
            .and_then(PrometheusBuilder::install_recorder);
        match handle {
            Ok(handle) => {
                describe();
                Some(handle)
            }
            Err(error) => {
                tracing::warn!(%error, "metrics are not recorded");
                None
            }
        }
    });
}

/// All metrics in the text format of Prometheus; empty when nothing is recorded.
pub fn render() -> String {
    let Some(Some(handle)) = RECORDER.get() else {
        return String::new();
    };
    handle.run_upkeep();
    handle.render()
}

/// Empties the recorder's buffers into its histograms, so that they do not grow when nobody reads them.
pub(crate) fn upkeep() {
    if let Some(Some(handle)) = RECORDER.get() {
        handle.run_upkeep();
    }
}

fn describe() {
    describe_counter!(JOBS_SUBMITTED, "Jobs accepted");
    describe_counter!(ATTEMPTS, "Attempts that ended, by how");
    describe_gauge!(JOBS, "Jobs by status");
    describe_gauge!(
        QUEUE_DEPTH,
        "Doorbells that wait in the queue, by class and priority"
    );
    describe_gauge!(
        OUTBOX_OVERDUE,
        "Doorbells that should have rung and have not"
    );
    describe_counter!(DOORBELLS_PUBLISHED, "Doorbells sent to the broker");
    describe_counter!(DOORBELLS_CONFIRMED, "Doorbells that the broker confirmed");
    describe_counter!(
        DOORBELLS_REFUSED,
        "Doorbells that the broker did not take, by reason"
    );
    describe_counter!(
        BROKER_CONNECTIONS,
        "Connections made to the broker, by role; each but the first is a reconnection"
    );
    describe_counter!(LEASES_EXPIRED, "Leases that ran out");
    describe_histogram!(EPOCH_SECONDS, Unit::Seconds, "Wall time of an epoch");
    describe_histogram!(PROOF_SECONDS, Unit::Seconds, "Time of the proof phase");
    describe_counter!(UPLOAD_BYTES, Unit::Bytes, "Bytes uploaded and stored");
    describe_counter!(HTTP_REQUESTS, "HTTP answers, by class of status");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        record();
        record();
        metrics::counter!(UPLOAD_BYTES).increment(3);
        metrics::histogram!(EPOCH_SECONDS).record(0.02);
        let text = render();
        assert!(text.contains("assay_upload_bytes_total"), "{text}");
        assert!(
            text.contains("assay_epoch_seconds_bucket{le=\"0.025\"}"),
            "{text}"
        );
        assert!(text.contains("# HELP assay_epoch_seconds"), "{text}");
    }
}
