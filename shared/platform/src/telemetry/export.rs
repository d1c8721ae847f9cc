use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use opentelemetry_otlp::SpanExporter as Otlp;
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};
use tokio::runtime::Handle;

/// Delivers spans on the service's own runtime: they are gathered by a thread that has none, and the HTTP client needs one.
#[derive(Debug)]
pub(super) struct OnRuntime {
    exporter: Arc<Otlp>,
    runtime: Handle,
    /// Whether the last delivery failed, so that it is said once.
    failing: AtomicBool,
}

impl OnRuntime {
    /// To be called on the runtime.
    pub(super) fn new(exporter: Otlp) -> Result<Self, String> {
        let runtime = Handle::try_current().map_err(|error| error.to_string())?;
        Ok(Self {
            exporter: Arc::new(exporter),
            runtime,
            failing: AtomicBool::new(false),
        })
    }

    fn say(&self, spans: usize, delivered: &OTelSdkResult) {
        let was_failing = self.failing.swap(delivered.is_err(), Ordering::Relaxed);
        match delivered {
            Err(error) if !was_failing => {
                tracing::warn!(%error, spans, "traces are lost: the collector does not take them");
            }
            Err(error) => tracing::debug!(%error, spans, "traces are lost"),
            Ok(()) if was_failing => tracing::info!("the collector takes traces again"),
            Ok(()) => {}
        }
    }
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (exporter, spans) = (Arc::clone(&self.exporter), batch.len());
        let delivery = self
            .runtime
            .spawn(async move { exporter.export(batch).await });
        let delivered = delivery
            .await
            .unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())));
        self.say(spans, &delivered);
        delivered
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}
