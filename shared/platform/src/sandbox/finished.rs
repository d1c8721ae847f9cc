use std::time::Duration;

use super::Isolation;

/// How a run ended, in what isolation, at what cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub ended: Ended,
    /// What kept the trainer in its room.
    pub isolation: Isolation,
    /// What it used.
    pub usage: Usage,
    /// The last 16 KiB of standard error, as text.
    pub stderr_tail: String,
    /// Printed lines that were no events; the first hundred of them went out as warnings.
    pub garbage_lines: u64,
}

impl Finished {
    /// Whether the trainer ended by itself with exit status 0, within its limits.
    pub fn succeeded(&self) -> bool {
        self.ended == Ended::Exited(0)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit status.
    Exited(i32),
    /// By going over a limit.
    OverLimit(LimitHit),
    /// By the caller's wish.
    Cancelled,
    /// By this signal, which the sandbox did not send. Signal 9 is most often the kernel, out of memory.
    Crashed(i32),
}

/// The limit that a run went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitHit {
    /// `memory_bytes`. In a child process judged by what the trainer printed as it broke down, since the kernel only
    /// refuses memory; in a container the kernel kills, and the engine tells.
    Memory,
    /// `cpu_seconds`.
    Cpu,
    /// `wall_seconds`.
    Wall,
    /// `output_bytes` or `output_files`.
    Output,
    /// `printed_bytes`.
    Printed,
}

impl LimitHit {
    /// The code of the fault that going over it is.
    pub fn code(self) -> &'static str {
        match self {
            Self::Memory => "limit.memory",
            Self::Cpu => "limit.cpu",
            Self::Wall => "limit.time",
            Self::Output => "limit.disk",
            Self::Printed => "limit.printed",
        }
    }

    /// What there was too much of, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "processor time",
            Self::Wall => "time",
            Self::Output => "written files",
            Self::Printed => "printed text",
        }
    }
}

/// What a run used. Of a container the engine knows nothing after its end: processor time and memory are then those of the
/// last sample, taken at most a second before the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// From start to end by the clock, the sealing of the room included.
    pub wall: Duration,
    /// Processor time in user mode, over all threads, to the kernel's tick (10 ms); `None` if it could not be read, or
    /// a container ended before the first sample.
    pub cpu_user: Option<Duration>,
    /// Processor time in the kernel, likewise.
    pub cpu_system: Option<Duration>,
    /// The most memory held at a time, as last seen before the end; `None` if the run was too short to be seen.
    ///
    /// Not `ru_maxrss`: after a spawn that shares memory until exec, the kernel reports the server's own peak there.
    pub max_rss_bytes: Option<u64>,
}
