//! A deployment by docker-compose.yml, as its reader makes one.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{
    engine::{Engine, done},
    images::root,
};
use crate::support::assay;

/// A deployment; taken down with the value.
pub(super) struct Stand {
    engine: Engine,
    folder: TempDir,
    project: String,
    ports: [u16; 3],
}

impl Stand {
    /// Prepares one: docker-compose.yml and what it names, passwords, keys.
    pub(super) fn new(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Services run under an account of their own.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let from = root();
        fs::copy(
            from.join("docker-compose.yml"),
            folder.path().join("docker-compose.yml"),
        )
        .unwrap();
        let stand_ins = from.join("tests/it/compose/override.yml");
        fs::copy(stand_ins, folder.path().join("docker-compose.override.yml")).unwrap();
        done(
            Command::new("cp")
                .arg("-r")
                .arg(from.join("deploy"))
                .arg(folder.path()),
        );
        for made in ["secrets", "keys", "owner", "images", "rooms", "scanner"] {
            // A developer may have set up the repository itself.
            let _absent = fs::remove_dir_all(folder.path().join("deploy").join(made));
        }
        let mut setup = Command::new(folder.path().join("deploy/setup"));
        setup
            .env("ASSAY", assay())
            .env("DOCKER_SOCKET", engine.socket());
        done(&mut setup);
        // All three stay bound until all are known, so they differ.
        let bound = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = bound.map(|one| one.local_addr().unwrap().port());
        let project = format!("assay-test-{}", std::process::id());
        Self {
            engine,
            folder,
            project,
            ports,
        }
    }

    /// The API's address.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// What those who verify are given.
    pub(super) fn trust(&self) -> PathBuf {
        self.folder.path().join("deploy/owner/trust.json")
    }

    /// Where there is room for files of the test.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts everything and waits until it is healthy.
    pub(super) fn up(&self) {
        let arguments = [
            "up",
            "--detach",
            "--no-build",
            "--wait",
            "--wait-timeout",
            "400",
        ];
        let output = self.compose(&arguments).output().unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let states = self.compose(&["ps", "--all"]).output().unwrap();
            let logs = self
                .compose(&["logs", "--no-color", "--tail=30"])
                .output()
                .unwrap();
            panic!(
                "compose up: {said}\n{}\n{}",
                String::from_utf8_lossy(&states.stdout),
                String::from_utf8_lossy(&logs.stdout)
            );
        }
    }

    /// Kills the first process of a service's container, as a crash does: the engine starts it again.
    pub(super) fn crash(&self, service: &str) {
        let id = self.container(service);
        let pid = self
            .engine
            .ask(&["inspect", "--format", "{{.State.Pid}}", &id]);
        done(Command::new("kill").args(["-9", pid.trim()]));
    }

    /// How often the engine has started a service's container again.
    pub(super) fn restarts(&self, service: &str) -> u32 {
        let id = self.container(service);
        let count = self
            .engine
            .ask(&["inspect", "--format", "{{.RestartCount}}", &id]);
        count.trim().parse().unwrap()
    }

    /// What a service has printed.
    pub(super) fn logs(&self, service: &str) -> String {
        let output = self
            .compose(&["logs", "--no-color", service])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Takes everything down, data included; gives what is left of it and of these jobs.
    pub(super) fn down(&self, jobs: &[&str]) -> String {
        done(&mut self.compose(&["down", "--volumes", "--timeout", "20"]));
        let label = format!("label=com.docker.compose.project={}", self.project);
        let filter = ["--quiet", "--filter", &label];
        let mut left = String::new();
        for kind in [&["ps", "--all"][..], &["volume", "ls"], &["network", "ls"]] {
            left.push_str(&self.engine.ask(&[kind, &filter].concat()));
        }
        // Containers of jobs are none of Compose's, and other tests have some on the same engine.
        for job in jobs {
            let label = format!("label=assay.job={job}");
            let asked = ["ps", "--all", "--quiet", "--filter", &label];
            left.push_str(&self.engine.ask(&asked));
        }
        left
    }

    fn container(&self, service: &str) -> String {
        done(&mut self.compose(&["ps", "--quiet", service]))
            .trim()
            .to_owned()
    }

    fn compose(&self, arguments: &[&str]) -> Command {
        let mut all = vec!["--project-name", self.project.as_str()];
        all.extend(arguments);
        let mut command = self.engine.compose(self.folder.path(), &all);
        let [api, rabbitmq, minio] = self.ports.map(|port| port.to_string());
        command
            .env("ASSAY_PORT", api)
            .env("RABBITMQ_CONSOLE_PORT", rabbitmq)
            .env("MINIO_CONSOLE_PORT", minio)
            // The list of vulnerabilities is elsewhere; that the scanner starts and lives can be seen without.
            .env("ASSAY_SCAN_UPDATE_DATABASE", "false");
        command
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // Of use only when the test has failed before its own end.
        let _down = self
            .compose(&["down", "--volumes", "--timeout", "5"])
            .output();
    }
}
