use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    thread::JoinHandle,
};

use anyhow::{Context as _, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::sync::mpsc::Sender;

use crate::phase::{Entered, Phase};

/// An `assay` process, and how to start it again.
#[derive(Debug)]
pub(crate) struct Process {
    /// What it is called in the report.
    pub(crate) name: String,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    /// Its number and where its phases are told, if it is a worker.
    worker: Option<(usize, Sender<Entered>)>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Reads its log to the end; gives the last phase.
    reader: JoinHandle<Option<Phase>>,
}

impl Process {
    /// One that is not started yet.
    pub(crate) fn new(
        name: &str,
        program: &Path,
        arguments: &[&str],
        environment: Vec<(String, String)>,
        log: PathBuf,
    ) -> Self {
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments: arguments.iter().map(|one| (*one).to_owned()).collect(),
            environment,
            log,
            worker: None,
            running: None,
        }
    }

    /// Tells of its phases, as this worker's.
    pub(crate) fn telling(mut self, number: usize, to: Sender<Entered>) -> Self {
        self.worker = Some((number, to));
        self
    }

    /// Starts it, and waits until it says that it is ready; gives its URL, if it has one.
    pub(crate) fn start(&mut self) -> anyhow::Result<Option<String>> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", self.name))?;
        let stdout = child.stdout.take().context("its output")?;
        let stderr = child.stderr.take().context("its log")?;
        let file = File::options().create(true).append(true).open(&self.log)?;
        let worker = self.worker.clone();
        let reader = std::thread::spawn(move || read(stderr, file, worker));
        self.running = Some(Running { child, reader });
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let Ok(started) = serde_json::from_str::<Value>(&line) else {
            self.kill();
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(5).collect();
            bail!("{} did not start: {tail:?}", self.name);
        };
        Ok(started["url"].as_str().map(str::to_owned))
    }

    /// Always starts on this address from now on.
    pub(crate) fn listen(&mut self, url: &str) {
        if let Some(address) = url.strip_prefix("http://")
            && let Some(at) = self.arguments.iter().position(|one| one == "--listen")
            && let Some(slot) = self.arguments.get_mut(at + 1)
        {
            address.clone_into(slot);
        }
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.running
            .as_mut()
            .is_some_and(|running| matches!(running.child.try_wait(), Ok(None)))
    }

    /// Ends it at once (SIGKILL); gives the phase in which that met it.
    pub(crate) fn kill(&mut self) -> Option<Phase> {
        let mut running = self.running.take()?;
        // It may have ended by itself, which the caller sees by what it left.
        let _gone = running.child.kill();
        let _gone = running.child.wait();
        // The reader goes on to the end of what was written, so nothing between is missed.
        running.reader.join().ok().flatten()
    }

    /// Asks it to end (SIGTERM) and waits; gives whether it ended well.
    pub(crate) fn end(&mut self) -> anyhow::Result<bool> {
        let Some(mut running) = self.running.take() else {
            return Ok(false);
        };
        signal(&running.child, Signal::SIGTERM)?;
        let status = running.child.wait()?;
        Ok(status.success())
    }

    /// Pauses it.
    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Its process id while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    fn signal(&self, which: Signal) -> anyhow::Result<()> {
        match &self.running {
            Some(running) => signal(&running.child, which),
            None => bail!("{} does not run", self.name),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(child: &Child, which: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    kill(pid, which).with_context(|| format!("{which} to {pid}"))
}

/// Copies a log to its file, and tells of the phases in it.
fn read(
    stderr: ChildStderr,
    mut file: File,
    worker: Option<(usize, Sender<Entered>)>,
) -> Option<Phase> {
    let mut last = None;
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { break };
        if let Some((number, to)) = &worker
            && let Some(entered) = Entered::read(*number, &String::from_utf8_lossy(&line))
        {
            last = entered.phase;
            // Nobody listens any more when the run is over.
            let _over = to.send(entered);
        }
        // The file is for people; a full disk must not end the run.
        let _full = file.write_all(&line).and_then(|()| file.write_all(b"\n"));
    }
    last
}

/// Ends every process below this one (SIGKILL); gives how many there were.
pub(crate) fn kill_below(pid: u32) -> usize {
    let mut killed = 0;
    for child in children(pid) {
        killed += kill_below(child) + 1;
        if let Ok(raw) = i32::try_from(child) {
            // It may have ended by itself.
            let _gone = kill(Pid::from_raw(raw), Signal::SIGKILL);
        }
    }
    killed
}

/// The children of every thread of a process.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|one| one.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

/// Processes of ours whose command line names this folder: what should have ended and has not.
pub(crate) fn left_behind(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line);
            let program = Path::new(line.split('\0').next()?).file_name()?;
            (program == "assay" && line.contains(&folder))
                .then(|| format!("{pid}: {}", line.replace('\0', " ")))
        })
        .collect()
}
