//! What becomes known of a span only while it runs. Where nothing is collected, all of this does nothing.

use std::borrow::Cow;

use opentelemetry::{
    Value,
    trace::{Status, TraceContextExt as _},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Marks a span as failed, for this reason: a short code without any words of a user (attribute `error.type` of
/// OpenTelemetry's semantic conventions).
pub fn failed(span: &Span, code: &str) {
    span.set_attribute("error.type", code.to_owned());
    span.set_status(Status::error(code.to_owned()));
}

/// Adds an attribute to a span.
pub fn note(span: &Span, key: &'static str, value: impl Into<Cow<'static, str>>) {
    span.set_attribute(key, Value::from(value.into()));
}

/// Gives a span another name than it began with.
pub fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}
