//! A server of a test's own: started, killed, paused, started again.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    folder,
    guard::{Guard, Launch},
};

/// How long a server may take to answer: a loaded machine is slow.
const STARTING: Duration = Duration::from_secs(120);
/// How long a server may take to end in order before it is killed.
const ENDING: Duration = Duration::from_secs(30);

/// A server over its folder.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    launch: Launch,
    ready: Ready,
    /// The signal of an orderly end.
    guard: Option<Guard>,
    // After the guard: the server ends before its folder goes.
    folder: TempDir,
}

/// How a server shows that it is ready.
pub(crate) type Ready = fn(ports: &[u16], launch: &Launch) -> bool;

impl Server {
    /// A server that is not started yet.
    pub(crate) fn new(name: &'static str, launch: Launch, folder: TempDir, ready: Ready) -> Self {
        Self {
            name,
            launch,
            ready,
            guard: None,
            folder,
        }
    }

    /// Starts it, again too, and waits until it answers.
    pub(crate) fn start(&mut self, ports: &[u16]) -> anyhow::Result<()> {
        if self.guard.as_ref().is_some_and(Guard::runs) {
            bail!("{} runs already", self.name);
        }
        drop(self.guard.take());
        let guard =
            Guard::start(&self.launch).with_context(|| format!("starting {}", self.name))?;
        let mut ended = false;
        let waited = crate::wait::within(STARTING, self.name, || {
            ended = !guard.runs();
            ended || (self.ready)(ports, &self.launch)
        });
        match waited {
            Ok(()) if !ended => {
                self.guard = Some(guard);
                Ok(())
            }
            Ok(()) => Err(anyhow!("it ended")),
            Err(error) => Err(error),
        }
        .with_context(|| {
            let tail = folder::tail(&self.launch.log);
            format!("{} did not start; it said:\n{tail}", self.name)
        })
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it at once, as a power cut does to a process.
    pub(crate) fn kill(&mut self) {
        drop(self.guard.take());
    }

    /// Ends it in order.
    pub(crate) fn end(&mut self) {
        if let Some(guard) = self.guard.take() {
            guard.end(self.launch.ending, ENDING);
        }
    }

    /// Pauses it: connections stay open and nothing answers.
    pub(crate) fn stop(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on after a pause.
    pub(crate) fn cont(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Its process id while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        let pid = self.guard.as_ref()?.pid();
        u32::try_from(pid.as_raw()).ok()
    }

    fn signal(&self, signal: Signal) {
        if let Some(guard) = &self.guard {
            guard.signal_all(signal);
        }
    }
}
