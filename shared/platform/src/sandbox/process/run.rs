use std::{
    future::Future,
    io,
    path::Path,
    pin::pin,
    time::{Duration, Instant},
};

use assay_protocol::Event;
use nix::sys::{signal::Signal, wait::WaitStatus};
use tokio::{
    process::{ChildStderr, ChildStdout},
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::Instrument as _;

use super::{
    ENTER_ROOM, ProcessSandbox, Program,
    child::{self, Child, Exit, Group},
    peak::Peak,
    spec::{Report, Spec},
};
use crate::sandbox::{
    Command, Ended, Finished, Isolation, LimitHit, Limits, Room, SandboxError, Usage,
    lines::{Line, Lines, Phase, tail},
    output::is_outgrown,
    pump::pump,
};

/// How often the output folder and the memory are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long the launcher may take; milliseconds on any machine that is not starved.
const ENTERING: Duration = Duration::from_secs(30);

impl ProcessSandbox {
    pub(in crate::sandbox) async fn run(
        &self,
        room: &Room,
        command: Command,
        limits: &Limits,
        events: mpsc::Sender<Event>,
        cancel: impl Future<Output = ()> + Send,
    ) -> Result<Finished, SandboxError> {
        let started = Instant::now();
        let start = tracing::debug_span!("sandbox.start");
        let child = self.launch(room, Some(command), limits);
        let child = child.instrument(start.clone()).await?;
        let group = child.group;
        let (phase, phases) = watch::channel(Phase::Running);
        let mut lines = Lines::new(child.stdout, limits.printed_bytes, phases.clone());
        let mut stderr = child.stderr;
        let isolation = sealed(&mut lines, &mut stderr).instrument(start);
        let isolation = isolation.await?;

        let peak = Peak::of(group.pid());
        let left = limits.wall().saturating_sub(started.elapsed());
        let output = room.output();
        let stop = async {
            tokio::select! {
                () = cancel => Ended::Cancelled,
                () = sleep(left) => Ended::OverLimit(LimitHit::Wall),
                () = outgrown(&output, limits, &group, &peak) => Ended::OverLimit(LimitHit::Output),
            }
        };
        let ((exit, stopped), printed, (stderr_tail, stderr_over)) = tokio::join!(
            end(child.exit, stop, &group, &phase),
            async {
                let printed = pump(lines, events, || peak.look(), phases.clone()).await;
                if printed.over {
                    group.kill();
                }
                printed
            },
            async {
                let read = tail(stderr, limits.printed_bytes, phases.clone()).await;
                if read.1 {
                    group.kill();
                }
                read
            },
        );
        let exit = exit.map_err(SandboxError::io("wait for the trainer"))?;
        let over = Over {
            printed: printed.over || stderr_over,
            output: is_outgrown(&output, None, false, limits),
        };
        let usage = Usage {
            wall: started.elapsed(),
            cpu_user: exit.cpu.map(|(user, _)| user),
            cpu_system: exit.cpu.map(|(_, system)| system),
            max_rss_bytes: peak.bytes(),
        };
        Ok(Finished {
            ended: stopped.unwrap_or_else(|| judge(&exit, &over, &stderr_tail, limits)),
            isolation,
            usage,
            stderr_tail,
            garbage_lines: printed.garbage_lines,
        })
    }

    pub(in crate::sandbox) async fn probe(
        &self,
        rooms: &Path,
        limits: &Limits,
    ) -> Result<Isolation, SandboxError> {
        let room = Room::create(rooms)?;
        let child = self.launch(&room, None, limits).await?;
        let (_phase, phases) = watch::channel(Phase::Running);
        let mut lines = Lines::new(child.stdout, limits.printed_bytes, phases);
        let mut stderr = child.stderr;
        sealed(&mut lines, &mut stderr).await
    }

    /// Starts the launcher; without a command it only shows what it can do.
    async fn launch(
        &self,
        room: &Room,
        command: Option<Command>,
        limits: &Limits,
    ) -> Result<Child, SandboxError> {
        let mut trainer = self.trainer.clone();
        if let Some(command) = command {
            trainer.args.extend(command.arguments());
        }
        let spec = Spec {
            server: std::process::id().cast_signed(),
            room: room.root().to_owned(),
            user: room.user(),
            user_is_own: room.user_is_own(),
            trainer,
            probe: command.is_none(),
            limits: limits.clone(),
            allow_missing: self.allow_missing.clone(),
        };
        let spec = serde_json::to_string(&spec)
            .map_err(|error| SandboxError::Launch(format!("a path is not UTF-8: {error}")))?;
        let mut launcher: Program = self.launcher.clone();
        launcher.args.push(ENTER_ROOM.to_owned());
        launcher.args.push(spec);
        child::spawn(&launcher)
            .await
            .map_err(SandboxError::io("start the launcher"))
    }
}

/// Reads the launcher's report, which is the first line.
async fn sealed(
    lines: &mut Lines<ChildStdout>,
    stderr: &mut ChildStderr,
) -> Result<Isolation, SandboxError> {
    let Ok(line) = timeout(ENTERING, lines.next()).await else {
        return Err(SandboxError::Launch(format!(
            "the launcher said nothing for {ENTERING:?}"
        )));
    };
    let report = match &line {
        Line::Whole(line) => serde_json::from_slice(line).ok(),
        _ => None,
    };
    match report {
        Some(Report::Sealed(isolation)) => Ok(*isolation),
        Some(Report::Refused { mechanism, reason }) => {
            Err(SandboxError::Unavailable { mechanism, reason })
        }
        Some(Report::Failed { reason }) => Err(SandboxError::Launch(reason)),
        None => {
            let (_phase, phases) = watch::channel(Phase::Ended);
            let (said, _) = tail(stderr, 1 << 20, phases).await;
            Err(SandboxError::Launch(format!(
                "the launcher gave no report; it printed {said:?}"
            )))
        }
    }
}

/// Waits for the end, or for a reason to bring it about.
async fn end(
    exit: tokio::sync::oneshot::Receiver<io::Result<Exit>>,
    stop: impl Future<Output = Ended>,
    group: &Group,
    phase: &watch::Sender<Phase>,
) -> (io::Result<Exit>, Option<Ended>) {
    let mut exit = pin!(exit);
    let (exit, stopped) = tokio::select! {
        biased;
        exit = &mut exit => (exit, None),
        stopped = stop => {
            group.kill();
            (exit.await, Some(stopped))
        }
    };
    phase.send_replace(match stopped {
        Some(Ended::Cancelled) => Phase::Abandoned,
        _ => Phase::Ended,
    });
    (exit.map_err(io::Error::other).flatten(), stopped)
}

/// Completes when more lies in the output folder than allowed.
async fn outgrown(output: &Path, limits: &Limits, group: &Group, peak: &Peak) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        peak.look();
        if is_outgrown(output, Some(group.pid()), false, limits) {
            return;
        }
    }
}

struct Over {
    printed: bool,
    output: bool,
}

/// What an end that the sandbox did not bring about by the clock or by wish means.
fn judge(exit: &Exit, over: &Over, stderr_tail: &str, limits: &Limits) -> Ended {
    if over.printed {
        return Ended::OverLimit(LimitHit::Printed);
    }
    if over.output {
        return Ended::OverLimit(LimitHit::Output);
    }
    let cpu = exit
        .cpu
        .map_or(Duration::ZERO, |(user, system)| user + system);
    let signal = match exit.status {
        WaitStatus::Exited(_, code) => return Ended::Exited(code),
        WaitStatus::Signaled(_, signal, _) => signal,
        // Not an end; `WEXITED` alone was waited for.
        _ => return Ended::Crashed(0),
    };
    match signal {
        Signal::SIGXCPU => Ended::OverLimit(LimitHit::Cpu),
        Signal::SIGKILL if cpu >= Duration::from_secs(limits.cpu_seconds) => {
            Ended::OverLimit(LimitHit::Cpu)
        }
        Signal::SIGXFSZ => Ended::OverLimit(LimitHit::Output),
        // The kernel refuses memory over the limit; it is the trainer's own runtime that gives up then, in these words.
        Signal::SIGABRT if stderr_tail.contains("memory allocation of ") => {
            Ended::OverLimit(LimitHit::Memory)
        }
        other => Ended::Crashed(other as i32),
    }
}
