use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child as StdChild, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};
use tokio::{
    process::{ChildStderr, ChildStdout},
    sync::oneshot,
};

use super::{Program, proc};

/// How a child ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exit {
    /// What the kernel says of it.
    pub(super) status: WaitStatus,
    /// Processor time, user and system.
    pub(super) cpu: Option<(Duration, Duration)>,
}

/// A running child with the reading ends of its streams.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
    /// Completes when the child has ended and is reaped.
    pub(super) exit: oneshot::Receiver<io::Result<Exit>>,
    pub(super) group: Group,
}

/// The child's process group; killed when this is dropped, if it still runs.
#[derive(Debug)]
pub(super) struct Group {
    pid: i32,
    /// Emptied under the lock before the child is reaped: a process id that the kernel could have given to another
    /// process is never signalled.
    alive: Arc<Mutex<Option<Pid>>>,
}

impl Group {
    /// The child's process id.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Kills every process of the group.
    pub(super) fn kill(&self) {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *alive {
            // It can only be gone already, which is what is wanted.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a program in a process group of its own, with no environment and nothing on its standard input.
///
/// A thread of its own starts it, waits for it and reaps it: the kernel ties the child's life to the thread that
/// started it, and a thread of the runtime may end at any time.
pub(super) async fn spawn(program: &Program) -> io::Result<Child> {
    let mut command = Command::new(&program.path);
    command
        .args(&program.args)
        .env_clear()
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (started, start) = oneshot::channel();
    let (ended, exit) = oneshot::channel();
    thread::Builder::new()
        .name("room".to_owned())
        .stack_size(256 << 10)
        .spawn(move || attend(command, started, ended))?;
    let (group, mut child) = start.await.map_err(io::Error::other)??;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("the child's streams are not there"));
    };
    Ok(Child {
        stdout: ChildStdout::from_std(stdout)?,
        stderr: ChildStderr::from_std(stderr)?,
        exit,
        group,
    })
}

/// The child's streams, on their way out of the thread; the child itself stays.
#[derive(Debug)]
struct Streams {
    stdout: Option<std::process::ChildStdout>,
    stderr: Option<std::process::ChildStderr>,
}

type Started = io::Result<(Group, Streams)>;

fn attend(
    mut command: Command,
    started: oneshot::Sender<Started>,
    ended: oneshot::Sender<io::Result<Exit>>,
) {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    // A process id is a positive pid_t.
    let pid = child.id().cast_signed();
    let alive = Arc::new(Mutex::new(Some(Pid::from_raw(pid))));
    let group = Group {
        pid,
        alive: Arc::clone(&alive),
    };
    let streams = Streams {
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
    };
    // When nobody waits any more, the group comes back in the error and is killed as it drops.
    let _ = started.send(Ok((group, streams)));
    let _ = ended.send(reap(child, &alive));
}

fn reap(mut child: StdChild, alive: &Mutex<Option<Pid>>) -> io::Result<Exit> {
    let pid = child.id().cast_signed();
    let status = loop {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(Pid::from_raw(pid)), flags) {
            Err(Errno::EINTR) => {}
            status => break status,
        }
    };
    // Dead but not reaped: its times can still be read, and its id is still its own.
    let cpu = proc::cpu_times(pid);
    let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(group) = alive.take() {
        let _ = killpg(group, Signal::SIGKILL);
    }
    child.wait()?;
    Ok(Exit {
        status: status?,
        cpu,
    })
}
