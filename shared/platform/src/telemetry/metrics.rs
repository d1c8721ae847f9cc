//! Every metric, in one place, and the text that Prometheus reads. `docs/OBSERVABILITY.md` has the same table for people.

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// What kind of figure a metric is, in Prometheus' sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the process.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often which sizes were seen.
    Histogram,
}

impl Kind {
    /// Prometheus' word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What is known of a metric beside its figures.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What kind of figure it is.
    pub kind: Kind,
    /// What it counts or measures.
    pub unit: Unit,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// One line about it.
    pub help: &'static str,
}

/// A constant for each metric's name, and the list of all.
macro_rules! declare {
    ($($(#[$doc:meta])+ $constant:ident = $name:literal, $kind:ident, $unit:ident, [$($label:literal),*], $help:literal;)+) => {
        $($(#[$doc])+ pub const $constant: &str = $name;)+

        /// Every metric that any service has.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            help: $help,
        }),+];
    };
}

declare! {
    /// Jobs accepted.
    JOBS_SUBMITTED = "assay_jobs_submitted_total", Counter, Count, [], "Jobs accepted";
    /// Attempts that ended, by `end`: `completed`, `failed`, `cancelled`, `held`, `released`, `lost`.
    ATTEMPTS = "assay_attempts_total", Counter, Count, ["end"], "Attempts that ended, by how";
    /// Jobs in the database, by `status`.
    JOBS = "assay_jobs", Gauge, Count, ["status"], "Jobs by status";
    /// Doorbells that wait in the queue, by `class` and `priority`.
    QUEUE_DEPTH = "assay_queue_depth", Gauge, Count, ["class", "priority"], "Doorbells that wait in the queue, by class and priority";
    /// Doorbells that should have rung and have not: the queue does not take them.
    OUTBOX_OVERDUE = "assay_outbox_overdue", Gauge, Count, [], "Doorbells that should have rung and have not";
    /// Doorbells sent to the broker.
    DOORBELLS_PUBLISHED = "assay_doorbells_published_total", Counter, Count, [], "Doorbells sent to the broker";
    /// Doorbells that the broker has confirmed.
    DOORBELLS_CONFIRMED = "assay_doorbells_confirmed_total", Counter, Count, [], "Doorbells that the broker confirmed";
    /// Doorbells that the broker has not taken, by `reason`: `full`, `unroutable`.
    DOORBELLS_REFUSED = "assay_doorbells_refused_total", Counter, Count, ["reason"], "Doorbells that the broker did not take, by reason";
    /// Connections made to the broker, by `role`: `publish`, `get`. Each but the first is a reconnection.
    BROKER_CONNECTIONS = "assay_broker_connections_total", Counter, Count, ["role"], "Connections made to the broker, by role; each but the first is a reconnection";
    /// Leases that ran out.
    LEASES_EXPIRED = "assay_leases_expired_total", Counter, Count, [], "Leases that ran out";
    /// Wall time of an epoch.
    EPOCH_SECONDS = "assay_epoch_seconds", Histogram, Seconds, [], "Wall time of an epoch";
    /// Time of the proof phase: hashing the outputs, signing, storing.
    PROOF_SECONDS = "assay_proof_seconds", Histogram, Seconds, [], "Time of the proof phase";
    /// Bytes that were uploaded and stored.
    UPLOAD_BYTES = "assay_upload_bytes_total", Counter, Bytes, [], "Bytes uploaded and stored";
    /// HTTP answers, by class of `status`.
    HTTP_REQUESTS = "assay_http_requests_total", Counter, Count, ["status"], "HTTP answers, by class of status";
    /// Scans of images, by `component` and `outcome`: `clean`, `findings`, `failed`.
    SCANS = "assay_scans_total", Counter, Count, ["component", "outcome"], "Scans of images, by component and outcome";
    /// Vulnerabilities in the newest scan of a component's image, by `severity`.
    SCAN_FINDINGS = "assay_scan_findings", Gauge, Count, ["component", "severity"], "Vulnerabilities in a component's image";
    /// When the newest scan of a component that succeeded was, in seconds since 1970.
    SCAN_LAST_SUCCESS = "assay_scan_last_success_timestamp_seconds", Gauge, Seconds, ["component"], "When a component's image was last scanned";
    /// 1 while Trivy's database is stale, 0 otherwise.
    SCAN_DATABASE_STALE = "assay_scan_database_stale", Gauge, Count, [], "Whether Trivy's database is stale";
    /// Images to scan that could not be found.
    IMAGES_MISSING = "assay_scan_images_missing", Gauge, Count, [], "Images to scan that could not be found";
}

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
    for metric in ALL {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.unit, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.unit, metric.help),
            Kind::Histogram => describe_histogram!(metric.name, metric.unit, metric.help),
        }
    }
}

#[cfg(test)]
mod tests;
