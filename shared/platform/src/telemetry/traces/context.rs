//! W3C Trace Context: which trace a span belongs to.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::context_of;

/// Makes `span` a part of the trace that `traceparent` names, and writes the trace's id into it as [`name_trace`] does.
///
/// To be called before anything happens in the span. Text that is no `traceparent` changes nothing.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    if let Some(parent) = traceparent.and_then(parse) {
        // Refused only where nothing is collected.
        let _set = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    name_trace(span, traceparent);
}

/// Writes the id of the trace that `span` is in into its field `trace`, so that it stands in every line that is logged
/// in it.
///
/// Where nothing is collected it is the trace that the caller `named`, if that is one.
pub fn name_trace(span: &Span, named: Option<&str>) {
    let own = context_of(span).trace_id();
    let id = if own == TraceId::INVALID {
        named.and_then(parse).map(|parent| parent.trace_id())
    } else {
        Some(own)
    };
    if let Some(id) = id {
        span.record("trace", tracing::field::display(id));
    }
}

/// The trace that `span` belongs to, in the form of W3C Trace Context: its own if it is collected, else the one that
/// the caller named, if that is one.
pub fn traceparent(span: &Span, named: Option<&str>) -> Option<String> {
    let own = context_of(span);
    if own.is_valid() {
        return Some(format!(
            "00-{}-{}-{:02x}",
            own.trace_id(),
            own.span_id(),
            own.trace_flags()
        ));
    }
    named
        .filter(|text| parse(text).is_some())
        .map(str::to_owned)
}

/// `00-<trace id>-<parent id>-<flags>` (W3C Trace Context, §3.2.2).
pub(super) fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        let part = parts.next()?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (part.len() == length && part.bytes().all(is_hex)).then_some(part)
    };
    let (version, trace, parent, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    if version != "00" || parts.next().is_some() {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(parent).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}
