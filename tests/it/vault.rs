//! Keys in a transit engine: proofs as from files, no private key on the disk, and an engine that is away for a while.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use assay_platform::keys::read_trust;
use assay_test_parts::{OpenBao, Transit, until};
use serde_json::Value;

use super::support::{
    files, run, run_ok,
    server::{Folder, Inputs, Server},
    text,
};

/// How long a state is waited for: a loaded machine is slow, and what works comes earlier.
const PATIENCE: Duration = Duration::from_secs(180);

/// An engine with keys of a set-up, and `assay up` that signs with them.
struct Scene {
    transit: Transit,
    folder: tempfile::TempDir,
    /// Of the owner.
    token: PathBuf,
    /// The policies that `assay keys init` prints for services.
    policy: String,
}

impl Scene {
    fn new(transit: Transit) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = transit.owner_token_file().unwrap();
        let mut scene = Self {
            transit,
            folder,
            token,
            policy: String::new(),
        };
        let said = scene.keys(&["init"]);
        let (services, owner) = said.split_once("# the owner").unwrap();
        assert!(owner.contains("sign/assay-owner"), "{said}");
        let rules = services.lines().filter(|line| line.starts_with("path "));
        scene.policy = rules.collect::<Vec<_>>().join("\n");
        scene
    }

    fn secrets(&self) -> PathBuf {
        self.folder.path().join("public")
    }

    fn keys(&self, arguments: &[&str]) -> String {
        let secrets = self.secrets();
        let engine = [
            "--dir",
            text(&secrets),
            "--vault",
            self.transit.address(),
            "--vault-mount",
            self.transit.mount(),
            "--vault-token-file",
            text(&self.token),
        ];
        run_ok(&[&["keys"], arguments, &engine].concat())
    }

    /// `assay up` with a token that may do what the printed policies say.
    fn server(&self, folder: Folder, patience: &str) -> Server {
        let token = self.transit.token_file("services", &self.policy).unwrap();
        let secrets = self.secrets();
        let environment = [
            ("ASSAY__KEYS__KIND", "vault"),
            ("ASSAY__KEYS__DIR", text(&secrets)),
            ("ASSAY__KEYS__VAULT__ADDRESS", self.transit.address()),
            ("ASSAY__KEYS__VAULT__MOUNT", self.transit.mount()),
            ("ASSAY__KEYS__VAULT__TOKEN_FILE", text(&token)),
            ("ASSAY__KEYS__VAULT__PATIENCE_SECONDS", patience),
        ];
        Server::over(folder, &environment)
    }

    /// Whether a bundle verifies with the owner's trust file.
    fn verifies(&self, bundle: &Path) -> bool {
        let trust = self.secrets().join("trust.json");
        run(&["verify", text(bundle), "--trust", text(&trust)])
            .status
            .success()
    }
}

/// No file under this folder holds a private key.
fn no_private_key(dir: &Path) {
    for path in files(dir) {
        let bytes = fs::read(dir.join(&path)).unwrap();
        let found = bytes.windows(16).any(|part| part == b"PRIVATE KEY-----");
        assert!(!found, "{}", path.display());
    }
}

#[test]
fn a_job_is_proven_with_keys_that_are_never_on_the_disk() {
    let scene = Scene::new(Transit::create().unwrap());
    let server = scene.server(Folder::new(), "60");
    let dir = tempfile::tempdir().unwrap();
    let old = server.bundle(&server.train("wine", &["epochs=2"]), dir.path());
    assert!(scene.verifies(&old));
    let health = server.http().get("/health").json();
    assert_eq!(health["status"], "ok", "{health}");

    for what in ["worker", "platform", "api", "owner"] {
        scene.keys(&["rotate", what]);
    }
    assert_eq!(read_trust(&scene.secrets()).unwrap().version, 5);
    // What runs goes on with the versions that it began with.
    let between = server.bundle(&server.train("wine", &["epochs=1"]), dir.path());
    let server = scene.server(server.kill(), "60");
    let new = server.bundle(&server.train("wine", &["epochs=1"]), dir.path());
    for bundle in [&old, &between, &new] {
        assert!(scene.verifies(bundle), "{}", bundle.display());
    }
    no_private_key(&server.data());
    no_private_key(&scene.secrets());
}

/// Waits until a job is so.
fn wait_for(server: &Server, id: &str, what: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let job = server.http().get(&format!("/jobs/{id}")).json();
        if what(&job) {
            return job;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{id} stays {job}\n{}",
            server.log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_job_that_cannot_be_signed_waits_and_nothing_of_it_is_lost() {
    let engine = OpenBao::start().unwrap();
    let scene = Scene::new(Transit::create_on(&engine.url()).unwrap());
    let server = scene.server(Folder::new(), "1");
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("wine", dir.path());
    until("the worker to be listed", || {
        let workers = server.http().get("/workers").json();
        workers["workers"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    })
    .unwrap();
    let workers = server.http().get("/workers").json();
    let name = workers["workers"][0]["name"].as_str().unwrap().to_owned();
    server.client(&["workers", "drain", &name]);
    until("the worker to take no jobs", || {
        server.log().contains("draining: takes no new jobs")
    })
    .unwrap();
    let job = server.submit(&inputs, &["epochs=1"]);
    engine.stop();

    // The engine is away: no job is taken in, and the one that is in trains and waits.
    let files = ["--model", "--dataset", "--definition"].into_iter().zip([
        text(&inputs.model),
        text(&inputs.dataset),
        text(&inputs.definition),
    ]);
    let mut submit = vec!["--server", &server.url, "submit"];
    submit.extend(files.flat_map(|(option, file)| [option, file]));
    let refused = run(&submit);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("try again"),
        "{said}"
    );
    server.client(&["workers", "undrain", &name]);
    let waiting = wait_for(&server, &job, |job| {
        job["status"] == "queued"
            && job["held"]
                .as_str()
                .is_some_and(|why| why.contains("assay-"))
    });
    assert_eq!(waiting["lost"].as_u64().unwrap_or(0), 0, "{waiting}");

    let health = server.http().get("/health");
    assert_eq!(health.status, 503);
    let keys = health.json()["parts"]["keys"].to_string();
    assert!(keys.contains("no answer"), "{keys}");

    engine.cont();
    let done = wait_for(&server, &job, |job| {
        matches!(job["status"].as_str(), Some("completed" | "failed"))
    });
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["lost"].as_u64().unwrap_or(0), 0, "{done}");
    assert!(scene.verifies(&server.bundle(&job, dir.path())));
}
