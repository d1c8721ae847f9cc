//! The sealed room in which a user's model is opened, checked and trained.
//!
//! A caller makes a [`Room`] (a folder with `in/` and `out/`), puts the inputs in, and asks a [`Sandbox`] to
//! run the trainer there under [`Limits`]. The trainer has no network, no keys, read-only inputs, one output
//! folder and no way to start another process. What held is measured, not assumed: [`Finished::isolation`]
//! names every mechanism that the kernel really enforced, and every one that it did not, with the reason.
//! Where a mechanism that the configuration does not excuse is absent, the trainer is never started.

mod calls;
mod collect;
mod config;
mod docker;
mod finished;
mod isolation;
mod limits;
mod lines;
mod output;
mod process;
mod pump;
mod room;

use std::future::Future;

use assay_protocol::Event;
use tokio::sync::mpsc;

pub use collect::{CollectError, FileEntry, collect, collect_one};
pub use config::{SandboxConfig, SandboxKind};
pub use docker::{DockerConfig, DockerSandbox, SeccompProfile};
pub use finished::{Ended, Finished, LimitHit, Usage};
pub use isolation::{Container, Held, Isolation, Mechanism, Missing};
pub use limits::Limits;
pub use process::{ENTER_ROOM, ProcessSandbox, Program, enter};
pub use room::{Occupant, Room, sweep_rooms};

/// What the trainer is asked to do in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Read the inputs and say whether they fit together; ends in [`Event::Checked`] or [`Event::Failed`].
    Check,
    /// Train; ends in [`Event::Done`] or [`Event::Failed`].
    Train,
}

/// One run of the trainer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub mode: Mode,
    /// Threads to compute with; the result does not depend on it.
    pub threads: u32,
}

impl Command {
    /// The trainer's arguments, within the room's folder.
    fn arguments(self) -> Vec<String> {
        let words: &[&str] = match self.mode {
            Mode::Check => &["check", "--in", "in", "--threads"],
            Mode::Train => &["train", "--in", "in", "--out", "out", "--threads"],
        };
        let threads = self.threads.to_string();
        let words = words.iter().copied().map(str::to_owned);
        words.chain([threads]).collect()
    }
}

/// The ways to seal a room.
#[derive(Debug, Clone)]
pub enum Sandbox {
    /// A child process that the kernel restricts; needs no container engine and no privileges.
    Process(ProcessSandbox),
    /// A container for each run.
    Docker(DockerSandbox),
}

/// Why a run did not take place, or could not be watched to its end.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel does not give a mechanism that the configuration requires. The trainer was not started.
    #[error(
        "this machine cannot give the isolation {mechanism}: {reason}; mend that, or list {mechanism} in sandbox.allow_missing to run without it (in a container that helps with output-quota only)"
    )]
    Unavailable {
        /// What is missing.
        mechanism: Mechanism,
        /// What the kernel answered.
        reason: String,
    },
    /// The room could not be entered for another reason. The trainer was not started.
    #[error("the sandbox could not start the trainer: {0}")]
    Launch(String),
    /// What is configured cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The container engine is gone, or did not do what it was asked. Another attempt may go well.
    #[error("the container engine could not {doing}: {reason}")]
    Engine {
        /// What it was asked.
        doing: &'static str,
        /// What it answered.
        reason: String,
    },
    /// A room, or a process in it, could not be handled.
    #[error("the sandbox could not {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system answered.
        source: std::io::Error,
    },
}

impl SandboxError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

impl Sandbox {
    /// Runs the trainer in `room` and waits for its end, however that comes about.
    ///
    /// Every line that the trainer prints goes to `events` in order; a line that is no event arrives as a
    /// warning [`Event::Log`]. Events are the trainer's claims: only `Finished::succeeded` together with
    /// a last event of `done` (or `checked`) means success. When `cancel` completes, and when this future is dropped,
    /// the trainer is killed. A slow receiver of `events` slows the trainer down, never the limits.
    ///
    /// # Errors
    /// [`SandboxError::Unavailable`] and [`SandboxError::Launch`] before the trainer ran.
    pub async fn run(
        &self,
        room: &Room,
        command: Command,
        limits: &Limits,
        events: mpsc::Sender<Event>,
        cancel: impl Future<Output = ()> + Send,
    ) -> Result<Finished, SandboxError> {
        match self {
            Self::Process(sandbox) => sandbox.run(room, command, limits, events, cancel).await,
            Self::Docker(sandbox) => sandbox.run(room, command, limits, events, cancel).await,
        }
    }

    /// What this machine gives: seals a room under `rooms` as a run would, reports, and leaves it without
    /// starting the trainer. Meant for start-up, health and `GET /trust`.
    ///
    /// # Errors
    /// As [`Sandbox::run`].
    pub async fn probe(
        &self,
        rooms: &std::path::Path,
        limits: &Limits,
    ) -> Result<Isolation, SandboxError> {
        match self {
            Self::Process(sandbox) => sandbox.probe(rooms, limits).await,
            Self::Docker(sandbox) => sandbox.probe(rooms, limits).await,
        }
    }
}
