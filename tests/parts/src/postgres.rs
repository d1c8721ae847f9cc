//! PostgreSQL.

use std::{
    ffi::OsString,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use nix::{sys::signal::Signal, unistd::Uid};

use crate::{authority::Authority, folder, guard::Launch, ports::Port, server::Server};

/// The account that Debian's package makes; the server refuses to run as root.
const USER: &str = "postgres";

/// It does not wait for the disk.
const QUICK: [&str; 3] = [
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
];

/// A PostgreSQL server of the test's own.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    port: Port,
}

impl Postgres {
    /// Starts one that keeps what it has confirmed, also when it is killed.
    pub fn start() -> anyhow::Result<Self> {
        Self::with(None, &[])
    }

    /// Starts one that is quicker, since it does not wait for the disk: for tests that kill nothing.
    pub fn start_quick() -> anyhow::Result<Self> {
        Self::with(None, &QUICK)
    }

    /// As [`Self::start_quick`], with a certificate of this authority: it can be reached with and without TLS.
    pub fn start_tls(authority: &Authority) -> anyhow::Result<Self> {
        Self::with(Some(authority), &QUICK)
    }

    fn with(authority: Option<&Authority>, settings: &[&str]) -> anyhow::Result<Self> {
        let programs = programs();
        let postgres = folder::program("postgres", &programs)?;
        let folder = folder::temporary("postgres")?;
        let data = folder.path().join("data");
        let port = Port::take()?;
        if Uid::current().is_root() {
            folder::give(folder.path(), USER)?;
        }
        make(&folder::program("initdb", &programs)?, &data)?;
        let mut command = as_user();
        command.extend([postgres.into(), "-D".into(), data.into()]);
        let port_setting = format!("port={}", port.number);
        let all = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            &port_setting,
        ];
        for setting in all.iter().chain(settings) {
            command.extend(["-c".into(), (*setting).into()]);
        }
        if let Some(authority) = authority {
            for setting in certificate(authority, folder.path())? {
                command.extend(["-c".into(), setting.into()]);
            }
        }
        let launch = Launch {
            command,
            environment: vec![],
            folder: folder.path().to_owned(),
            log: folder.path().join("log"),
            ending: Signal::SIGINT,
        };
        let server = Server::new("PostgreSQL", launch, folder, ready);
        let mut this = Self { server, port };
        this.restart()?;
        Ok(this)
    }

    /// Its address with the account that may do everything.
    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port.number)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Ends it at once with SIGKILL.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Ends it in order: connections are closed, everything is written.
    pub fn end(&mut self) {
        self.server.end();
    }

    /// Pauses it with SIGSTOP: connections stay open and nothing answers.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Lets it go on after [`Self::stop`].
    pub fn cont(&self) {
        self.server.cont();
    }

    /// Starts it again over the same data and port, after [`Self::kill`] or [`Self::end`].
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.server.start(&[self.port.number])
    }
}

/// Has a certificate made; gives the settings that name it.
fn certificate(authority: &Authority, folder: &Path) -> anyhow::Result<[String; 3]> {
    authority.issue(folder)?;
    let (file, key) = (folder.join("server.pem"), folder.join("server.key"));
    // The server takes no key that others could read.
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
    if Uid::current().is_root() {
        folder::give(&file, USER)?;
        folder::give(&key, USER)?;
    }
    Ok([
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", file.display()),
        format!("ssl_key_file={}", key.display()),
    ])
}

/// Debian keeps each version's programs in a folder of its own; the newest comes first.
fn programs() -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    found.sort();
    found.reverse();
    found
}

fn as_user() -> Vec<OsString> {
    if Uid::current().is_root() {
        let group = format!("--regid={USER}");
        let user = format!("--reuid={USER}");
        ["setpriv", &user, &group, "--init-groups"]
            .map(OsString::from)
            .to_vec()
    } else {
        vec![]
    }
}

fn make(initdb: &Path, data: &Path) -> anyhow::Result<()> {
    let mut command = as_user();
    command.push(initdb.into());
    command.extend(["-D".into(), data.into()]);
    let arguments = [
        "-U",
        USER,
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
    ];
    command.extend(arguments.map(OsString::from));
    let (program, arguments) = command.split_first().context("a command")?;
    let output = Command::new(program)
        .args(arguments)
        .current_dir("/")
        .output()
        .context("starting initdb")?;
    ensure!(
        output.status.success(),
        "initdb failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn ready(ports: &[u16], _launch: &Launch) -> bool {
    let Ok(program) = folder::program("pg_isready", &programs()) else {
        return false;
    };
    let port = ports.first().copied().unwrap_or_default().to_string();
    Command::new(program)
        .args(["--quiet", "--host=127.0.0.1", "--port", &port])
        .status()
        .is_ok_and(|status| status.success())
}
