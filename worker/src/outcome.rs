use assay_platform::sandbox::{Ended, Finished, LimitHit};
use assay_protocol::Fault;
use time::OffsetDateTime;

use crate::{
    hear::{Done, Heard, Started, tail},
    stop::Stop,
};

/// A run that ended well by every account: the trainer's own, its exit status, and the sandbox's.
#[derive(Debug)]
pub(crate) struct Trained {
    pub(crate) started: Started,
    pub(crate) done: Done,
    pub(crate) finished: Finished,
    /// Just before the sandbox was asked to run the trainer.
    pub(crate) started_at: OffsetDateTime,
    /// Just after it reported the end.
    pub(crate) finished_at: OffsetDateTime,
    /// The last lines for people.
    pub(crate) log_tail: String,
    /// Events that were printed.
    pub(crate) events: u64,
}

/// Judges a run. What the sandbox saw goes before what the trainer said: a `done` counts only together with exit status 0.
pub(crate) fn judge(
    finished: Finished,
    heard: Heard,
    (started_at, finished_at): (OffsetDateTime, OffsetDateTime),
) -> Result<Trained, Stop> {
    let detail = tail(finished.stderr_tail.trim());
    let detail = (!detail.is_empty()).then(|| detail.to_owned());
    let fault = match finished.ended {
        Ended::Cancelled => return Err(Stop::Cancelled),
        Ended::OverLimit(hit) => limit_fault(hit),
        Ended::Crashed(signal) => Fault::trainer("trainer.crashed", crash_message(signal)),
        Ended::Exited(status) => match (heard, status) {
            (
                Heard {
                    violation: Some(violation),
                    ..
                },
                _,
            ) => Fault::trainer("trainer.protocol", violation),
            (
                Heard {
                    failed: Some(fault),
                    ..
                },
                _,
            ) => fault,
            (
                Heard {
                    started: Some(started),
                    done: Some(done),
                    log_tail,
                    events,
                    ..
                },
                0,
            ) => {
                return Ok(Trained {
                    started,
                    done,
                    finished,
                    started_at,
                    finished_at,
                    log_tail: tail(&log_tail).to_owned(),
                    events,
                });
            }
            (heard, status) => Fault::trainer(
                "trainer.exit_status",
                if heard.done.is_some() {
                    format!("the trainer said that it was done, but ended with status {status}")
                } else {
                    format!(
                        "the trainer ended with status {status} and gave neither a result nor a reason"
                    )
                },
            ),
        },
    };
    Err(Stop::failed(fault, detail))
}

fn limit_fault(hit: LimitHit) -> Fault {
    let (code, message) = match hit {
        LimitHit::Memory => (
            "limit.memory",
            "the training needed more memory than a job may use; a smaller model, data set or batch_size would fit",
        ),
        LimitHit::Cpu => (
            "limit.cpu",
            "the training needed more processor time than a job may use; fewer epochs or a smaller model would fit",
        ),
        LimitHit::Wall => (
            "limit.time",
            "the training took longer than a job may; fewer epochs or a smaller model would fit",
        ),
        LimitHit::Output => (
            "limit.disk",
            "the training wrote more than a job may; a smaller model would fit",
        ),
        LimitHit::Printed => ("limit.printed", "the training printed more than a job may"),
    };
    Fault::trainer(code, message)
}

fn crash_message(signal: i32) -> String {
    let likely = match signal {
        9 => " (most often the kernel, out of memory)",
        4 | 7 | 8 | 11 => " (a fault in the trainer itself)",
        6 => " (the trainer gave up on itself)",
        31 => " (a system call that the sandbox forbids)",
        _ => "",
    };
    format!("the trainer was ended by signal {signal}{likely}")
}

#[cfg(test)]
mod tests;
