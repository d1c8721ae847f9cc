//! A span for each request and its parts, by OpenTelemetry's semantic conventions for HTTP servers.

use actix_web::{
    HttpRequest,
    dev::ServiceRequest,
    http::{Method, StatusCode, header::HeaderMap},
};
use assay_platform::telemetry;
use tracing::{Instrument as _, Span, field::Empty};

use crate::problem::Problem;

/// A span for this request, in the trace that its client names. The path stands nowhere: it may hold a user's file name.
///
/// Level debug, so that log lines do not all begin with it.
pub(crate) fn span(request: &ServiceRequest) -> Span {
    let method = method(request.method());
    let span = tracing::debug_span!(
        target: "assay_api::http",
        "http",
        otel.name = method,
        otel.kind = "server",
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        url.scheme = "http",
        trace = Empty,
    );
    telemetry::continue_trace(&span, caller(request.headers()));
    span
}

/// Writes down what came of it. `answered` is the request once it has found its route.
pub(crate) fn ended(span: &Span, answered: Option<&HttpRequest>, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    if let Some((request, route)) = answered.and_then(|one| Some((one, one.match_pattern()?))) {
        span.record("http.route", route.as_str());
        telemetry::rename(span, format!("{} {route}", method(request.method())));
    }
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        telemetry::failed(span, status.as_str());
    }
}

/// Does a part of a request in a span of its own, which is marked when the part fails.
pub(crate) async fn part<T>(
    span: Span,
    part: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    // On the heap: it would lie here twice, as it came and as it runs.
    let ended = Box::pin(part.instrument(span.clone())).await;
    if let Err(problem) = &ended {
        telemetry::failed(&span, problem.code());
    }
    ended
}

/// The trace that a client is in, as it says (W3C Trace Context).
pub(crate) fn caller(headers: &HeaderMap) -> Option<&str> {
    headers.get("traceparent")?.to_str().ok()
}

/// A method's name; anybody can make up one, so those that are not known have one name together.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}
