//! What the tests of the sandbox share: things to steal, and ways to run an attack.

use std::{
    any::Any,
    fs::{self, Permissions},
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{PermissionsExt, chown},
            net::{SocketAddr, UnixListener},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::{Command as Process, Output, Stdio},
    sync::{Arc, Mutex},
};

use assay_platform::sandbox::{
    Command, Finished, Limits, Mode, ProcessSandbox, Program, Room, Sandbox, SandboxConfig,
    SandboxError,
};
use assay_protocol::Event;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// The program that is launcher, trainer and small server.
pub(crate) const HOSTILE: &str = env!("CARGO_BIN_EXE_hostile-trainer");
/// An ordinary user; needs no entry in any file.
const USER: u32 = 54_321;

/// A machine's worth of things that the trainer must not get at. Their permissions let everybody have them, so that
/// only the sandbox can stand in the way.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    /// What has to stay as long as the world.
    kept: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
    tcp: TcpListener,
    _unix: UnixListener,
    _abstract: UnixListener,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path());
        for name in ["secrets", "store", "outside", "rooms"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            open_to_all(&folder.path().join(name));
        }
        for secret in secrets(folder.path()) {
            fs::write(&secret, "secret").unwrap();
            open_to_all(&secret);
        }
        let unix = UnixListener::bind(folder.path().join("socket")).unwrap();
        open_to_all(&folder.path().join("socket"));
        let name = SocketAddr::from_abstract_name(abstract_name(folder.path())).unwrap();
        Self {
            kept: Mutex::default(),
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            _unix: unix,
            _abstract: UnixListener::bind_addr(&name).unwrap(),
            folder,
        }
    }

    /// Keeps something as long as the world.
    #[cfg(feature = "outside-parts")]
    pub(crate) fn keep<T: Any + Send + Sync>(&self, kept: Arc<T>) -> Arc<T> {
        self.kept.lock().unwrap().push(Arc::<T>::clone(&kept));
        kept
    }

    pub(crate) fn rooms(&self) -> PathBuf {
        self.folder.path().join("rooms")
    }

    pub(crate) fn secrets(&self) -> [PathBuf; 3] {
        secrets(self.folder.path())
    }

    pub(crate) fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    /// What the attacks are told.
    pub(crate) fn targets(&self) -> Value {
        json!({
            "secrets": self.secrets(),
            "outside": self.outside(),
            "port": self.tcp.local_addr().unwrap().port(),
            "socket": self.folder.path().join("socket"),
            "abstract_name": abstract_name(self.folder.path()),
            "server": std::process::id(),
        })
    }

    pub(crate) fn room(&self, attack: &str) -> Room {
        let room = Room::create(&self.rooms()).unwrap();
        room.add_input_bytes("attack", attack.as_bytes()).unwrap();
        let targets = self.targets().to_string();
        room.add_input_bytes("targets.json", targets.as_bytes())
            .unwrap();
        room
    }

    /// Runs an attack under this very process.
    pub(crate) async fn run(&self, attack: &str, limits: &Limits) -> Ran {
        let room = self.room(attack);
        run_in(&sandbox(), &room, limits).await.unwrap()
    }

    /// A small server around one run, under an ordinary user where the tests may choose one.
    pub(crate) fn server(&self, attack: &str, limits: &Limits) -> Process {
        // The program may lie in a folder that only the tests' own user can enter.
        let program = self.folder.path().join("hostile-trainer");
        if !program.exists() && fs::hard_link(HOSTILE, &program).is_err() {
            fs::copy(HOSTILE, &program).unwrap();
        }
        let mut server = Process::new(&program);
        server
            .arg("server")
            .arg(self.folder.path().join("rooms"))
            .arg(attack)
            .arg(self.targets().to_string())
            .arg(serde_json::to_string(limits).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if nix::unistd::geteuid().is_root() {
            chown(self.rooms(), Some(USER), Some(USER)).unwrap();
            server.uid(USER).gid(USER);
        }
        server
    }

    /// Runs an attack under a server of an ordinary user; gives what the trainer said, and the end.
    pub(crate) fn run_under_user(&self, attack: &str, limits: &Limits) -> (Vec<String>, Value) {
        let Output { stdout, stderr, .. } = self.server(attack, limits).output().unwrap();
        let text = String::from_utf8_lossy(&stdout);
        let mut lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let end = lines.pop().unwrap_or_default();
        assert!(
            end["ended"].is_string(),
            "{}",
            String::from_utf8_lossy(&stderr)
        );
        let said = |line: &Value| Some(line["message"].as_str()?.to_owned());
        (lines.iter().filter_map(said).collect(), end)
    }
}

/// An attack that ran.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) finished: Finished,
    pub(crate) events: Vec<Event>,
}

impl Ran {
    /// What the trainer said.
    pub(crate) fn said(&self) -> Vec<String> {
        let message = |event: &Event| match event {
            Event::Log { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.events.iter().filter_map(message).collect()
    }

    /// The number after a word that the trainer said.
    pub(crate) fn number(&self, word: &str) -> u64 {
        self.said()
            .iter()
            .find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
            .unwrap_or_else(|| panic!("nothing said about {word}: {self:?}"))
    }
}

pub(crate) fn sandbox() -> Sandbox {
    let program = Program {
        path: HOSTILE.into(),
        args: Vec::new(),
    };
    Sandbox::Process(ProcessSandbox {
        launcher: program.clone(),
        trainer: program,
        allow_missing: SandboxConfig::default().allow_missing,
    })
}

/// Every kind of sandbox that there is to test: each gives the same promises.
pub(crate) async fn sandboxes(world: &World) -> Vec<Sandbox> {
    #[cfg(feature = "outside-parts")]
    let container = vec![crate::container::support::container(world).await];
    #[cfg(not(feature = "outside-parts"))]
    let container = Vec::new();
    let _only_of_containers = world;
    [vec![sandbox()], container].concat()
}

pub(crate) const TRAIN: Command = Command {
    mode: Mode::Train,
    threads: 1,
};

pub(crate) async fn run_in(
    sandbox: &Sandbox,
    room: &Room,
    limits: &Limits,
) -> Result<Ran, SandboxError> {
    let (sender, mut receiver) = mpsc::channel(16);
    let mut events = Vec::new();
    let collecting = async {
        while let Some(event) = receiver.recv().await {
            events.push(event);
        }
    };
    let running = sandbox.run(room, TRAIN, limits, sender, std::future::pending());
    let (finished, ()) = tokio::join!(running, collecting);
    Ok(Ran {
        finished: finished?,
        events,
    })
}

fn secrets(folder: &Path) -> [PathBuf; 3] {
    ["secrets/owner.key", "store/object", "assay.sqlite"].map(|name| folder.join(name))
}

fn abstract_name(folder: &Path) -> String {
    format!("assay{}", folder.display())
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
}
