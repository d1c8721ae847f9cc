//! Spans of what was only heard of afterwards: the wait in the queue, what a trainer says that it did.

use std::time::SystemTime;

use opentelemetry::{
    KeyValue,
    trace::{
        Event, Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _,
        TracerProvider as _,
    },
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{PROVIDER, SCOPE};

/// Something that has begun and ended already.
#[derive(Debug)]
pub struct PastSpan {
    builder: SpanBuilder,
    end: SystemTime,
    status: Status,
}

impl PastSpan {
    /// From when to when, and what.
    pub fn new(name: &'static str, start: SystemTime, end: SystemTime) -> Self {
        let builder = SpanBuilder::from_name(name)
            .with_start_time(start)
            .with_kind(SpanKind::Internal);
        Self {
            builder,
            // Clocks may be set back, and those of two machines differ.
            end: end.max(start),
            status: Status::Unset,
        }
    }

    /// That it is the taking of a message from a queue.
    #[must_use]
    pub fn of_consumer(mut self) -> Self {
        self.builder.span_kind = Some(SpanKind::Consumer);
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<opentelemetry::Value>) -> Self {
        let attributes = self.builder.attributes.get_or_insert_default();
        attributes.push(KeyValue::new(key, value));
        self
    }

    /// Adds a moment of it, with numbers. The exporter keeps the first 128 of a span.
    #[must_use]
    pub fn with_moment(
        mut self,
        name: &'static str,
        at: SystemTime,
        numbers: &[(&'static str, f64)],
    ) -> Self {
        let attributes = numbers
            .iter()
            .map(|(key, value)| KeyValue::new(*key, *value))
            .collect();
        let events = self.builder.events.get_or_insert_default();
        events.push(Event::new(name, at, attributes, 0));
        self
    }

    /// That it failed, for this reason: a short code without any words of a user.
    #[must_use]
    pub fn failed(mut self, code: &str) -> Self {
        self.status = Status::error(code.to_owned());
        self.with("error.type", code.to_owned())
    }

    /// Gives it to the collector as a part of `parent`. Where nothing is collected this does nothing.
    pub fn tell(self, parent: &Span) {
        let context = parent.context();
        let Some(provider) = PROVIDER.get() else {
            return;
        };
        if !context.span().span_context().is_valid() {
            return;
        }
        let tracer = provider.tracer(SCOPE);
        let mut span = tracer.build_with_context(self.builder, &context);
        span.set_status(self.status);
        span.end_with_timestamp(self.end);
    }
}
