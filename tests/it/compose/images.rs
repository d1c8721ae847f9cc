//! Every image that docker-compose.yml names: ours by their own Dockerfiles, the others as stand-ins of the same name,
//! made of what this machine has.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use assay_test_parts::names;

use super::{
    engine::{Engine, done},
    packages,
};
use crate::support::program;

/// What every image of ours and every stand-in begins with.
const BASE: &str = "debian:bookworm-slim";
/// What the stand-ins for the servers begin with.
const SERVERS: &str = "assay-test-servers";

/// The repository's root.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Makes them all.
#[expect(clippy::too_many_lines, reason = "a list of images")]
pub(super) fn make(engine: &Engine) {
    let system = [
        "base-files",
        "bash",
        "coreutils",
        "dash",
        "grep",
        "sed",
        "util-linux",
        "libc-bin",
    ];
    if !engine.has(BASE) {
        packages::image(engine, BASE, &system);
    }
    if !engine.has(SERVERS) {
        let postgres = installed("postgresql");
        let all: Vec<&str> = system
            .iter()
            .copied()
            .chain([postgres.as_str(), "rabbitmq-server"])
            .collect();
        packages::image(engine, SERVERS, &all);
    }
    stand_in(engine, "rust:1.95-bookworm", "rust", |folder| {
        let programs = folder.join("programs");
        fs::create_dir(&programs).unwrap();
        for name in ["assay", "assay-trainer"] {
            strip(&program(name), &programs.join(name));
        }
        let authorities = "/etc/ssl/certs/ca-certificates.crt";
        fs::copy(authorities, folder.join("ca-certificates.crt")).unwrap();
    });
    let python = PathBuf::from(names::of("ASSAY_TEST_PYTHON").unwrap());
    stand_in(engine, "aquasec/trivy:0.65.0", "trivy", |folder| {
        fs::copy(names::of("ASSAY_TEST_TRIVY").unwrap(), folder.join("trivy")).unwrap();
    });
    stand_in(engine, &named("minio/minio:"), "minio", |folder| {
        fs::copy(python.join("weed"), folder.join("weed")).unwrap();
    });
    for (image, folder) in [
        ("minio/mc:", "mc"),
        ("postgres:", "postgres"),
        ("rabbitmq:", "rabbitmq"),
    ] {
        stand_in(engine, &named(image), folder, |_| {});
    }
    let root = root();
    for (image, file) in [
        ("assay-api", "api/Dockerfile"),
        ("assay-worker", "worker/Dockerfile"),
        ("assay-scanner", "scanner/Dockerfile"),
        ("assay-trainer", "worker/trainer/Dockerfile"),
    ] {
        engine.build(image, &root, &root.join(file));
    }
    stand_in(engine, "assay-trainer", "trainer", |folder| {
        for library in libraries(&program("assay-trainer")) {
            let to = folder.join("root").join(library.strip_prefix("/").unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(library, to).unwrap();
        }
    });
}

/// The shared libraries of a program, by the paths at which it looks for them.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let told = done(Command::new("ldd").arg(program));
    let words = told.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(PathBuf::from).collect()
}

/// The image of docker-compose.yml whose name begins so.
fn named(begin: &str) -> String {
    let compose = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let at = compose
        .find(&format!(":-{begin}"))
        .unwrap_or_else(|| panic!("{begin} in docker-compose.yml"));
    let rest = &compose[at + 2..];
    rest[..rest.find('}').unwrap()].to_owned()
}

/// Builds a stand-in from its folder here, with what `add` puts beside.
fn stand_in(engine: &Engine, image: &str, folder: &str, add: impl FnOnce(&Path)) {
    let context = tempfile::tempdir().unwrap();
    let from = root().join("tests/it/compose/images").join(folder);
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), context.path().join(entry.file_name())).unwrap();
    }
    add(context.path());
    engine.build(image, context.path(), &context.path().join("Dockerfile"));
}

/// Debian names PostgreSQL's packages after its versions.
fn installed(program: &str) -> String {
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap();
    let newest = versions
        .map(|version| version.unwrap().file_name())
        .max()
        .unwrap();
    format!("{program}-{}", newest.to_str().unwrap())
}

/// A program without what only a debugger reads.
fn strip(from: &Path, to: &Path) {
    done(
        Command::new("strip")
            .arg("--strip-debug")
            .arg("-o")
            .arg(to)
            .arg(from),
    );
}
