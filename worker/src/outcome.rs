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
    /// The epoch after which it went on with an earlier training.
    pub(crate) resumed: Option<u32>,
}

/// Judges a run. What the sandbox saw goes before what the trainer said: a `done` counts only together with exit status 0.
pub(crate) fn judge(
    finished: Finished,
    heard: Heard,
    (started_at, finished_at): (OffsetDateTime, OffsetDateTime),
) -> Result<Trained, Stop> {
    let detail = tail(finished.stderr_tail.trim()).to_owned();
    let fail = |fault| {
        let detail = (!detail.is_empty()).then_some(detail);
        Err(Stop::failed(fault, detail))
    };
    let status = match finished.ended {
        Ended::Cancelled => return Err(Stop::Cancelled),
        Ended::OverLimit(hit) => return fail(limit_fault(hit)),
        // Nobody in the room can send this signal, and no limit of the job was hit: it came from outside.
        Ended::Crashed(9) => {
            return Err(Stop::Infrastructure(
                "the trainer was ended from outside (signal 9; most often the kernel, out of memory)"
                    .to_owned(),
            ));
        }
        Ended::Crashed(signal) => {
            return fail(Fault::without_field(
                "trainer.crashed",
                crash_message(signal),
            ));
        }
        Ended::Exited(status) => status,
    };
    let log_tail = heard.log_tail().to_owned();
    match (heard.violation, heard.failed, heard.started, heard.done) {
        (Some(violation), ..) => fail(Fault::without_field("trainer.protocol", violation)),
        // A job that writes more than it may hits a limit, which the sandbox tells above. What is left is our disk.
        (None, Some(fault), ..) if fault.code == "trainer.output" => {
            Err(Stop::Unavailable(fault.message))
        }
        (None, Some(fault), ..) => fail(fault),
        (None, None, Some(started), Some(done)) if status == 0 => Ok(Trained {
            started,
            done,
            finished,
            started_at,
            finished_at,
            log_tail,
            events: heard.events,
            resumed: heard.resumed,
        }),
        (None, None, _, done) => fail(Fault::without_field(
            "trainer.exit_status",
            exit_message(status, done.is_some()),
        )),
    }
}

fn exit_message(status: i32, done: bool) -> String {
    if done {
        format!("the trainer said that it was done, but ended with status {status}")
    } else {
        format!("the trainer ended with status {status} and gave neither a result nor a reason")
    }
}

fn limit_fault(hit: LimitHit) -> Fault {
    let message = match hit {
        LimitHit::Memory => {
            "the training needed more memory than a job may use; a smaller model, data set or batch_size would fit"
        }
        LimitHit::Cpu => {
            "the training needed more processor time than a job may use; fewer epochs or a smaller model would fit"
        }
        LimitHit::Wall => {
            "the training took longer than a job may; fewer epochs or a smaller model would fit"
        }
        LimitHit::Output => "the training wrote more than a job may; a smaller model would fit",
        LimitHit::Printed => "the training printed more than a job may",
    };
    Fault::without_field(hit.code(), message)
}

fn crash_message(signal: i32) -> String {
    let likely = match signal {
        4 | 7 | 8 | 11 => " (a fault in the trainer itself)",
        6 => " (the trainer gave up on itself)",
        31 => " (a system call that the sandbox forbids)",
        _ => "",
    };
    format!("the trainer was ended by signal {signal}{likely}")
}

#[cfg(test)]
mod tests;
