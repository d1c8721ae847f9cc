use crate::{
    ids::JobId,
    job::{Class, Priority},
};

use super::rabbitmq::Receipt;

/// What is rung: a job that is queued, and which workers are to hear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doorbell {
    /// The job.
    pub job: JobId,
    /// The workers that can run it.
    pub class: Class,
    /// Before which others it goes.
    pub priority: Priority,
    /// The trace that the job belongs to (W3C Trace Context, header `traceparent`).
    pub traceparent: Option<String>,
}

/// A doorbell that was heard. Dropped without [`Ring::done`], it goes back into a broker's queue.
#[derive(Debug)]
pub struct Ring {
    /// The job.
    pub job: JobId,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    receipt: Option<Receipt>,
}

impl Ring {
    pub(super) fn new(job: JobId, traceparent: Option<String>, receipt: Option<Receipt>) -> Self {
        Self {
            job,
            traceparent,
            receipt,
        }
    }

    /// The claim is decided: the doorbell has done its duty. Should the broker not hear this, the doorbell comes again,
    /// and the claim decides again.
    pub async fn done(self) {
        if let Some(receipt) = self.receipt {
            receipt.settle().await;
        }
    }
}
