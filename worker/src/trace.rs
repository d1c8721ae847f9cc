//! Spans of the parts of an attempt: which there are, and which failed.

mod course;

use std::time::SystemTime;

use assay_platform::{
    job::Claim,
    sandbox::Finished,
    telemetry::{self, PastSpan},
};
use tracing::{Instrument as _, Span};

use crate::stop::Stop;

pub(crate) use course::Course;

/// Does a part of an attempt in a span of its own, which is marked when something went wrong in it.
pub(crate) async fn part<T>(
    span: Span,
    part: impl Future<Output = Result<T, Stop>>,
) -> Result<T, Stop> {
    // On the heap: it would lie here twice, as it came and as it runs.
    let ended = Box::pin(part.instrument(span.clone())).await;
    mark(&span, ended.as_ref().err());
    ended
}

/// Marks a span as failed if that is what an end means. A job that somebody stopped, or that waits for a scan, has not.
pub(crate) fn mark(span: &Span, end: Option<&Stop>) {
    match end {
        Some(Stop::Failed(failure)) => telemetry::failed(span, &failure.fault.code),
        Some(Stop::Infrastructure(_)) => telemetry::failed(span, "infrastructure"),
        Some(Stop::Unavailable(_)) => telemetry::failed(span, "unavailable"),
        Some(Stop::LeaseLost) => telemetry::failed(span, "lease_lost"),
        Some(Stop::Held(_) | Stop::Cancelled | Stop::Stopping) | None => {}
    }
}

/// The wait from the moment at which the job was handed in to the claim, as a part of `job`. Only of a first attempt: when
/// a later one began to wait stands nowhere.
pub(crate) fn waited(job: &Span, claim: &Claim, queue: &'static str) {
    if claim.attempt == 1 {
        let since = SystemTime::from(claim.job.times.submitted_at);
        PastSpan::new("queue", since, SystemTime::now())
            .of_consumer()
            .with("messaging.system", queue)
            .with("messaging.operation.name", "receive")
            .with("messaging.operation.type", "receive")
            .with("messaging.message.id", claim.job.id.to_string())
            .tell(job);
    }
}

/// Adds where the trainer ran, and what it used, to the span of its run.
pub(crate) fn note_room(span: &Span, finished: &Finished) {
    telemetry::note(span, "assay.sandbox", finished.isolation.sandbox.clone());
    if let Some(container) = &finished.isolation.container {
        telemetry::note(span, "container.runtime.name", container.engine.clone());
        telemetry::note(span, "container.id", container.id.clone());
        telemetry::note(span, "container.image.name", container.image.clone());
        telemetry::note(span, "container.image.id", container.image_digest.clone());
    }
}
