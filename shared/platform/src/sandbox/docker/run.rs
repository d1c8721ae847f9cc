use std::{
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};

use assay_protocol::Event;
use bollard::container::AttachContainerResults;
use tokio::{
    io::duplex,
    sync::{Notify, mpsc, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::Instrument as _;

use super::{DockerSandbox, cage::Cage, engine::silent, streams::part, usage::Samples};
use crate::sandbox::{
    Command, Ended, Finished, Isolation, LimitHit, Limits, Room, SandboxError, Usage,
    lines::{Lines, Phase, tail},
    output::is_outgrown,
    pump::pump,
};

/// How often the output folder is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How often the engine is asked whether it is still there.
const PULSE: Duration = Duration::from_secs(5);
/// Bytes of each stream between the engine and those who read.
const BUFFER: usize = 64 << 10;
/// Exit statuses above this are 128 and the signal that ended the container's first process.
const SIGNALLED: i64 = 128;
const SIGKILL: i64 = 9;

/// A started container.
struct Started {
    cage: Cage,
    isolation: Isolation,
    attached: AttachContainerResults,
}

impl DockerSandbox {
    pub(in crate::sandbox) async fn run(
        &self,
        room: &Room,
        command: Command,
        limits: &Limits,
        events: mpsc::Sender<Event>,
        cancel: impl Future<Output = ()> + Send,
    ) -> Result<Finished, SandboxError> {
        let begun = Instant::now();
        let mut cancel = pin!(cancel);
        let started = tokio::select! {
            biased;
            started = self.start(room, command, limits).instrument(tracing::debug_span!("sandbox.start")) => started?,
            () = &mut cancel => return Ok(never_started(begun)),
        };
        let (cage, isolation, attached) = (started.cage, started.isolation, started.attached);
        let (phase, phases) = watch::channel(Phase::Running);
        let (reading, readers) = watch::channel(Phase::Running);
        let (stdout, stdout_end) = duplex(BUFFER);
        let (stderr, stderr_end) = duplex(BUFFER);
        let (samples, flooded) = (Samples::default(), Notify::new());
        let left = limits.wall().saturating_sub(begun.elapsed());
        let stop = async {
            tokio::select! {
                () = cancel => Ended::Cancelled,
                () = sleep(left) => Ended::OverLimit(LimitHit::Wall),
                () = outgrown(room, limits) => Ended::OverLimit(LimitHit::Output),
                () = samples.watch(&self.shared.engine, cage.name(), limits) => Ended::OverLimit(LimitHit::Cpu),
                () = flooded.notified() => Ended::OverLimit(LimitHit::Printed),
            }
        };
        let (end, (), printed, (stderr_tail, stderr_over)) = tokio::join!(
            self.end_and_tell(&cage, stop, &phase, &reading),
            part(attached, (stdout, stderr), phases),
            async {
                let lines = Lines::new(stdout_end, limits.printed_bytes, readers.clone());
                let printed = pump(lines, events, || {}, readers.clone()).await;
                told(printed.over, &flooded);
                printed
            },
            async {
                let read = tail(stderr_end, limits.printed_bytes, readers.clone()).await;
                told(read.1, &flooded);
                read
            },
        );
        let outcome = self.outcome(&cage, end).await;
        let removing = cage.remove();
        removing
            .instrument(tracing::debug_span!("sandbox.remove"))
            .await;
        let outcome = outcome?;
        let over = Over {
            printed: printed.over || stderr_over,
            output: is_outgrown(&room.output(), None, room.is_limited(), limits),
            cpu: samples.may_have_passed(limits, command.threads, begun),
        };
        Ok(Finished {
            ended: judge(&outcome, &over, &stderr_tail),
            isolation,
            usage: samples.usage(begun.elapsed()),
            stderr_tail,
            garbage_lines: printed.garbage_lines,
        })
    }

    /// Waits for the container's end, and tells those who read what it prints whether to read on to its end.
    async fn end_and_tell(
        &self,
        cage: &Cage,
        stop: impl Future<Output = Ended>,
        phase: &watch::Sender<Phase>,
        reading: &watch::Sender<Phase>,
    ) -> Result<End, SandboxError> {
        let end = self.end(cage, stop).await;
        let cancelled = |end: &End| matches!(end.stopped, Some(Ended::Cancelled));
        if end.as_ref().map_or(true, cancelled) {
            phase.send_replace(Phase::Abandoned);
            reading.send_replace(Phase::Abandoned);
        } else {
            phase.send_replace(Phase::Ended);
        }
        end
    }

    async fn start(
        &self,
        room: &Room,
        command: Command,
        limits: &Limits,
    ) -> Result<Started, SandboxError> {
        let quota = self.limit_output(room, limits);
        let (cage, isolation) =
            Cage::make(&self.shared, room, Some(command), limits, quota).await?;
        self.refuse_less(&isolation)?;
        let engine = &self.shared.engine;
        // Before the start, so that nothing printed is missed.
        let attached = engine.attach(cage.name()).await?;
        engine.start(cage.name()).await?;
        Ok(Started {
            cage,
            isolation,
            attached,
        })
    }

    /// Waits for the end, or for a reason to bring it about. An engine that is not there any more is an error.
    async fn end(
        &self,
        cage: &Cage,
        stop: impl Future<Output = Ended>,
    ) -> Result<End, SandboxError> {
        let engine = &self.shared.engine;
        let mut exit = pin!(engine.wait(cage.name()));
        let (status, stopped) = tokio::select! {
            biased;
            status = &mut exit => (status?, None),
            stopped = stop => {
                // An engine on a slow machine may give up on the kill before the kernel has come to it: what counts is
                // whether the container ends.
                let killed = engine.kill(cage.name()).await;
                match timeout(engine.limit(), exit).await {
                    Ok(status) => (status?, Some(stopped)),
                    Err(_) => {
                        killed?;
                        return Err(silent("end a container", engine.limit()));
                    }
                }
            }
            lost = self.lost() => return Err(lost),
        };
        Ok(End { status, stopped })
    }

    /// Completes when the engine does not answer any more.
    async fn lost(&self) -> SandboxError {
        loop {
            sleep(PULSE).await;
            if let Err(error) = self.shared.engine.ping().await {
                return error;
            }
        }
    }

    /// What the engine knows of the end beside its status.
    async fn outcome(
        &self,
        cage: &Cage,
        end: Result<End, SandboxError>,
    ) -> Result<Outcome, SandboxError> {
        let end = end?;
        let found = self.shared.engine.inspect(cage.name()).await?;
        let out_of_memory = found.state.and_then(|state| state.oom_killed);
        Ok(Outcome {
            end,
            out_of_memory: out_of_memory == Some(true),
        })
    }
}

/// How a container ended: its status, and the reason that the sandbox had to end it, if it had.
#[derive(Debug)]
struct End {
    status: i64,
    stopped: Option<Ended>,
}

#[derive(Debug)]
struct Outcome {
    end: End,
    /// The kernel killed for want of memory.
    out_of_memory: bool,
}

/// What there was too much of.
#[derive(Debug, Default)]
struct Over {
    printed: bool,
    output: bool,
    /// Processor time, perhaps: the last sample is older than the end.
    cpu: bool,
}

/// Cancelled before there was a container that ran.
fn never_started(begun: Instant) -> Finished {
    Finished {
        ended: Ended::Cancelled,
        isolation: Isolation {
            sandbox: "docker".to_owned(),
            ..Isolation::default()
        },
        usage: Usage {
            wall: begun.elapsed(),
            ..Usage::default()
        },
        stderr_tail: String::new(),
        garbage_lines: 0,
    }
}

/// Completes when more lies in the output folder than allowed.
async fn outgrown(room: &Room, limits: &Limits) {
    let output = room.output();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if is_outgrown(&output, None, room.is_limited(), limits) {
            return;
        }
    }
}

/// What an end means.
fn judge(outcome: &Outcome, over: &Over, stderr_tail: &str) -> Ended {
    let End { status, stopped } = &outcome.end;
    if let Some(stopped) = stopped {
        return *stopped;
    }
    if over.printed {
        return Ended::OverLimit(LimitHit::Printed);
    }
    if over.output {
        return Ended::OverLimit(LimitHit::Output);
    }
    if outcome.out_of_memory {
        return Ended::OverLimit(LimitHit::Memory);
    }
    let signal = status - SIGNALLED;
    let code = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    if !(1..=64).contains(&signal) {
        return Ended::Exited(code(*status));
    }
    match signal {
        SIGKILL if over.cpu => Ended::OverLimit(LimitHit::Cpu),
        // It is the trainer's own runtime that gives up then, in these words.
        _ if stderr_tail.contains("memory allocation of ") => Ended::OverLimit(LimitHit::Memory),
        _ => Ended::Crashed(code(signal)),
    }
}

/// Says that too much was printed.
fn told(over: bool, flooded: &Notify) {
    if over {
        flooded.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: i64, out_of_memory: bool, over: Over, said: &str) -> Ended {
        let end = End {
            status,
            stopped: None,
        };
        judge(&Outcome { end, out_of_memory }, &over, said)
    }

    #[test]
    fn an_end_is_put_down_to_its_cause() {
        let none = Over::default;
        let cpu = || Over {
            cpu: true,
            ..none()
        };
        let output = Over {
            output: true,
            ..none()
        };
        assert_eq!(judged(0, false, none(), ""), Ended::Exited(0));
        assert_eq!(judged(2, false, none(), ""), Ended::Exited(2));
        assert_eq!(judged(137, false, none(), ""), Ended::Crashed(9));
        assert_eq!(judged(139, false, none(), ""), Ended::Crashed(11));
        assert_eq!(
            judged(137, false, cpu(), ""),
            Ended::OverLimit(LimitHit::Cpu)
        );
        assert_eq!(judged(0, false, cpu(), ""), Ended::Exited(0));
        assert_eq!(
            judged(137, true, cpu(), ""),
            Ended::OverLimit(LimitHit::Memory)
        );
        assert_eq!(
            judged(1, false, output, ""),
            Ended::OverLimit(LimitHit::Output)
        );
        let said = "memory allocation of 99 bytes failed";
        assert_eq!(
            judged(139, false, none(), said),
            Ended::OverLimit(LimitHit::Memory)
        );
        let killed = End {
            status: 137,
            stopped: Some(Ended::Cancelled),
        };
        let outcome = Outcome {
            end: killed,
            out_of_memory: true,
        };
        assert_eq!(judge(&outcome, &none(), ""), Ended::Cancelled);
    }
}
