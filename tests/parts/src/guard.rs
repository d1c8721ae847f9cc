//! A process that cannot outlive its starter.
//!
//! A small shell holds the server and reads from a pipe of ours. When we are killed the pipe closes, and the shell
//! ends the server and removes its folder. The kernel's parent-death signal would not do: it fires when the thread
//! that started the process ends, and a change of account clears it.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::wait::within;

const SCRIPT: &str = r#"
folder=$1 log=$2 ending=$3
shift 3
setsid "$@" >>"$log" 2>&1 </dev/null &
server=$!
echo "$server"
if ! read -r order; then
  kill -s "$ending" "$server" 2>/dev/null
  tries=0
  while kill -0 "$server" 2>/dev/null && [ "$tries" -lt 100 ]; do
    grep -q '^State:.*Z' "/proc/$server/status" 2>/dev/null && break
    sleep 0.1
    tries=$((tries + 1))
  done
fi
kill -9 "$server" 2>/dev/null
kill -9 -- "-$server" 2>/dev/null
wait "$server" 2>/dev/null
if [ -z "$order" ]; then
  rm -rf -- "$folder" 2>/dev/null || { sleep 1; rm -rf -- "$folder"; }
fi
"#;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// Variables it needs beside ours.
    pub(crate) environment: Vec<(String, OsString)>,
    /// The folder that goes when we are killed.
    pub(crate) folder: PathBuf,
    /// Where its output goes.
    pub(crate) log: PathBuf,
    /// The signal that ends it in order, tried for ten seconds when we are killed; `KILL` where that is enough.
    pub(crate) ending: Signal,
}

/// A running process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    order: Option<ChildStdin>,
    pid: Pid,
}

impl Guard {
    /// Starts it.
    pub(crate) fn start(launch: &Launch) -> anyhow::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guard"])
            .args([launch.folder.as_path(), launch.log.as_path()])
            .arg(launch.ending.as_str().trim_start_matches("SIG"))
            .args(&launch.command)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A signal from the terminal reaches us, and through the closed pipe the shell.
            .process_group(0)
            .spawn()
            .context("starting sh")?;
        let order = shell.stdin.take();
        let stdout = shell.stdout.take().context("the shell's output")?;
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("the shell's output")?;
        let pid = line
            .trim()
            .parse()
            .with_context(|| format!("the shell said {line:?} instead of a process id"))?;
        Ok(Self {
            shell,
            order,
            pid: Pid::from_raw(pid),
        })
    }

    /// The server's process id.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether it still runs.
    pub(crate) fn runs(&self) -> bool {
        state(self.pid).is_some_and(|state| state != 'Z')
    }

    /// Sends a signal to the server and to every process below it.
    pub(crate) fn signal_all(&self, signal: Signal) {
        // The server first, so that it starts none anew.
        let all = std::iter::once(self.pid).chain(below(self.pid));
        for pid in all.collect::<Vec<_>>() {
            let _gone = kill(pid, signal);
        }
    }

    /// Asks the server to end, and waits; kills it after `limit`.
    pub(crate) fn end(mut self, signal: Signal, limit: Duration) {
        let _gone = kill(self.pid, signal);
        let _too_long = within(limit, "the server's end", || !self.runs());
        self.finish();
    }

    fn finish(&mut self) {
        self.signal_all(Signal::SIGKILL);
        if let Some(mut order) = self.order.take() {
            let _gone = order.write_all(b"end\n");
        }
        let _gone = self.shell.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.order.is_some() {
            self.finish();
        }
    }
}

/// Every process below this one.
fn below(pid: Pid) -> Vec<Pid> {
    let parents: Vec<(Pid, Pid)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .filter_map(|child| Some((child, parent(child)?)))
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&one) = found.get(next) {
        let children = parents.iter().filter(|(_, parent)| *parent == one);
        found.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    found.split_off(1)
}

fn parent(pid: Pid) -> Option<Pid> {
    fields(pid)?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
        .map(Pid::from_raw)
}

fn state(pid: Pid) -> Option<char> {
    fields(pid)?.chars().next()
}

/// What `/proc/PID/stat` says after the program's name, which may hold anything: state, parent, ….
fn fields(pid: Pid) -> Option<String> {
    let text =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.to_owned())
}
