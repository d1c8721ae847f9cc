//! A Docker engine.

use std::{ffi::OsString, path::PathBuf};

use anyhow::ensure;
use nix::{sys::signal::Signal, unistd::Uid};

use crate::{folder, guard::Launch, server::Server, wait};

/// A Docker engine of the test's own: its images, containers and networks are apart from those of the machine's.
#[derive(Debug)]
pub struct Docker {
    server: Server,
    socket: PathBuf,
}

impl Docker {
    /// Starts one. Only root can.
    pub fn start() -> anyhow::Result<Self> {
        ensure!(
            Uid::current().is_root(),
            "only root can start a Docker engine: set ASSAY_TEST_DOCKER=unix:///var/run/docker.sock to use the machine's"
        );
        let engine = folder::program("dockerd", &["/usr/sbin".into(), "/usr/bin".into()])?;
        let folder = folder::temporary("docker")?;
        let socket = folder.path().join("docker.sock");
        let mut command: Vec<OsString> = vec![engine.into()];
        for (option, name) in [
            ("--data-root", "data"),
            ("--exec-root", "run"),
            ("--pidfile", "pid"),
        ] {
            command.extend([option.into(), folder.path().join(name).into()]);
        }
        command.extend([
            "--host".into(),
            format!("unix://{}", socket.display()).into(),
        ]);
        // No rules of the machine's firewall and no bridge of the machine's are touched; networks of their own work
        // without.
        command.extend(["--iptables=false", "--bridge=none"].map(OsString::from));
        let launch = Launch {
            command,
            environment: vec![],
            folder: folder.path().to_owned(),
            log: folder.path().join("log"),
            ending: Signal::SIGTERM,
        };
        let mut server = Server::new("Docker", launch, folder, ready);
        server.start(&[])?;
        Ok(Self { server, socket })
    }

    /// Its address, as `unix:///…`.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}

impl Drop for Docker {
    /// In order: an engine that is killed leaves containers and mounts behind.
    fn drop(&mut self) {
        self.server.end();
        let _too_long = wait::until("the engine's mounts to go", || {
            std::fs::read_to_string("/proc/self/mounts")
                .is_ok_and(|mounts| !mounts.contains(&self.server.folder().display().to_string()))
        });
    }
}

fn ready(_ports: &[u16], launch: &Launch) -> bool {
    // The engine answers on its socket as soon as it has one.
    std::os::unix::net::UnixStream::connect(launch.folder.join("docker.sock")).is_ok()
}
