//! Traces: what a job's way through the services took, sent to a collector (OTLP over HTTP) if one is configured.
//!
//! A trace begins where a job is handed in, or goes on with that of the caller (W3C Trace Context, `traceparent`). The
//! job carries it, so the worker's part goes on with it in another process and at another time. A collector that is slow
//! or gone costs traces, never a job. Spans carry ids, numbers and codes; no text that came from a user.

mod context;
mod mark;
mod past;
mod resource;

use std::{sync::OnceLock, time::Duration};

use opentelemetry::trace::{SpanContext, TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter as Otlp, WithExportConfig as _};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::{Level, Metadata, Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::{
    Layer as _,
    filter::{FilterFn, Filtered, filter_fn},
    registry::LookupSpan,
};

use super::{TelemetryError, export::OnRuntime};
use crate::Service;

pub use context::{continue_trace, name_trace, traceparent};
pub use mark::{failed, note, rename};
pub use past::PastSpan;

/// What our spans are recorded under (OpenTelemetry's instrumentation scope).
const SCOPE: &str = "assay";
/// How long one delivery to the collector may take.
const DELIVERY: Duration = Duration::from_secs(5);
/// How long the last delivery may take when the process ends.
const LAST_DELIVERY: Duration = Duration::from_secs(2);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

type Tracing<S> = Filtered<OpenTelemetryLayer<S, SdkTracer>, FilterFn, S>;

/// What collects the spans of this process for the collector at `endpoint`; nothing when that is empty.
pub(super) fn layer<S>(
    endpoint: &str,
    service: Service,
) -> Result<Option<Tracing<S>>, TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    if endpoint.is_empty() {
        return Ok(None);
    }
    let provider = provider(endpoint, service)?;
    let layer = spans(&provider);
    // Logging is set up once a process; a second time it is refused before anything is recorded.
    let _first = PROVIDER.set(provider);
    Ok(Some(layer))
}

fn provider(endpoint: &str, service: Service) -> Result<SdkTracerProvider, TelemetryError> {
    let refused = |reason: String| TelemetryError::Endpoint(reason);
    if !endpoint.starts_with("http://") {
        return Err(refused(format!(
            "{endpoint:?} does not begin with http://, and TLS is left to a collector beside the service"
        )));
    }
    let exporter = Otlp::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .with_timeout(DELIVERY)
        .build()
        .map_err(|error| refused(error.to_string()))?;
    let exporter = OnRuntime::new(exporter).map_err(refused)?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource::of(service))
        .build())
}

/// Our own spans only: those of the client that delivers them would make more of them without end. Lines of the log are
/// left out: some hold words of users.
fn spans<S>(provider: &SdkTracerProvider) -> Tracing<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn is_ours(metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
            && *metadata.level() <= Level::DEBUG
            && metadata.target().starts_with("assay")
    }
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SCOPE))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_filter(
            filter_fn(is_ours as fn(&Metadata<'_>) -> bool).with_max_level_hint(Level::DEBUG),
        )
}

/// Delivers what has not been delivered yet, for two seconds at most; then nothing is collected any more. Blocks.
pub(crate) fn finish() {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown_with_timeout(LAST_DELIVERY)
    {
        tracing::debug!(%error, "the last traces were not delivered");
    }
}

/// What `span` is to the collector; not valid where nothing is collected. From here on its parent stands.
fn context_of(span: &Span) -> SpanContext {
    span.context().span().span_context().clone()
}

#[cfg(test)]
mod tests;
