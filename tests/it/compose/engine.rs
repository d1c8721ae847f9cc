//! The engine's and Compose's own command lines.

use std::{
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
};

use assay_test_parts::names;

/// The engine that the environment names.
pub(super) struct Engine {
    host: String,
}

impl Engine {
    pub(super) fn new() -> Self {
        Self {
            host: names::of(names::DOCKER).unwrap(),
        }
    }

    /// Its socket.
    pub(super) fn socket(&self) -> PathBuf {
        PathBuf::from(self.host.strip_prefix("unix://").unwrap())
    }

    /// A command of `docker`.
    pub(super) fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .args(arguments)
            .env("DOCKER_HOST", &self.host)
            // The other builder is a program of its own that Debian does not have.
            .env("DOCKER_BUILDKIT", "0")
            .stdin(Stdio::null());
        command
    }

    /// A command of Compose.
    pub(super) fn compose(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(names::of("ASSAY_TEST_COMPOSE").unwrap());
        command
            .args(arguments)
            .current_dir(folder)
            .env("DOCKER_HOST", &self.host)
            .stdin(Stdio::null());
        command
    }

    /// What a command of `docker` prints.
    pub(super) fn ask(&self, arguments: &[&str]) -> String {
        done(&mut self.docker(arguments))
    }

    /// Whether there is such an image.
    pub(super) fn has(&self, image: &str) -> bool {
        let found = self.docker(&["image", "inspect", image]).output().unwrap();
        found.status.success()
    }

    /// Makes an image of an archive.
    pub(super) fn import(&self, image: &str, archive: ChildStdout) {
        let mut command = self.docker(&["import", "--change", "CMD [\"bash\"]", "-", image]);
        done(command.stdin(archive));
    }

    /// Builds an image from a folder, as its Dockerfile says.
    pub(super) fn build(&self, image: &str, folder: &Path, file: &Path) {
        let mut command = self.docker(&[
            "build",
            "--quiet",
            "--network=none",
            "--force-rm",
            "--tag",
            image,
        ]);
        done(command.arg("--file").arg(file).arg(folder));
    }
}

/// Runs a command, which must succeed; gives what it printed.
pub(super) fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    said
}
