//! A door to the engine that can be shut.

use std::path::{Path, PathBuf};

use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinHandle,
};

/// What the door does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Passes everything.
    Open,
    /// Passes nothing, and keeps every connection: an engine that hangs.
    Frozen,
    /// Cuts every connection, and takes no other: an engine that is gone.
    Gone,
}

/// The door, at a socket of its own.
pub(crate) struct Proxy {
    pub(crate) socket: PathBuf,
    door: watch::Sender<Door>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Opens one to `engine`, a socket's path.
    pub(crate) fn new(folder: &Path, engine: &str) -> Self {
        let socket = folder.join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (door, state) = watch::channel(Door::Open);
        let engine = engine.to_owned();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, engine.clone(), state.clone()));
            }
        });
        Self { socket, door, task }
    }

    pub(crate) fn set(&self, door: Door) {
        self.door.send_replace(door);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: UnixStream, engine: String, mut state: watch::Receiver<Door>) {
    let mut engine = UnixStream::connect(engine).await.unwrap();
    loop {
        let door = *state.borrow_and_update();
        match door {
            Door::Gone => return,
            Door::Frozen => {
                if state.changed().await.is_err() {
                    return;
                }
            }
            Door::Open => tokio::select! {
                _ended = copy_bidirectional(&mut client, &mut engine) => return,
                changed = state.changed() => if changed.is_err() {
                    return;
                },
            },
        }
    }
}
