//! A real finding, from Trivy to the bucket, the job that waits for it, the AIBoM and the proof.

mod deployed;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use assay_attest::Digest;
use assay_test_parts::{
    Image, names,
    trivy::{self, Vulnerability, ZLIB},
};
use serde_json::Value;

use crate::{
    outside::proof::{cyclonedx, in_toto},
    support::{
        program, run_ok,
        server::{Folder, Inputs, Server},
        text,
    },
};

/// How long anything here may take, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// Of when the fixture's database says to be.
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

/// The trainer's image, with a list of packages that Trivy can read.
fn image() -> Image {
    Image::of_program_with(&program("assay-trainer"), &trivy::DEBIAN).unwrap()
}

/// A server whose jobs need a scan without critical and high findings.
fn server(folder: Folder, image: &Image, cache: &Path) -> Server {
    let host = names::of(names::DOCKER).unwrap();
    let images = format!("[\"trainer={}\"]", image.name());
    let program = trivy::program().unwrap();
    Server::over(
        folder,
        &[
            ("ASSAY__SANDBOX__KIND", "docker"),
            ("ASSAY__DOCKER__HOST", &host),
            ("ASSAY__DOCKER__IMAGE", image.name()),
            ("ASSAY__DOCKER__CALL_SECONDS", "300"),
            ("ASSAY__SCAN__REQUIRED", "true"),
            ("ASSAY__SCAN__FAIL_ON", "high"),
            ("ASSAY__SCAN__IMAGES", &images),
            ("ASSAY__SCAN__EVERY_SECONDS", "1"),
            ("ASSAY__SCAN__LOOK_SECONDS", "1"),
            ("ASSAY__SCAN__RECHECK_SECONDS", "1"),
            ("ASSAY__SCAN__UPDATE_DATABASE", "false"),
            ("ASSAY__SCAN__TRIVY", text(&program)),
            ("ASSAY__SCAN__CACHE_DIR", text(cache)),
        ],
    )
}

/// Waits until a job is like this.
fn wait_for(server: &Server, id: &str, what: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let job = server.http().get(&format!("/jobs/{id}")).json();
        if what(&job) {
            return job;
        }
        let ended = matches!(job["status"].as_str(), Some("failed" | "cancelled"));
        assert!(
            !ended && begun.elapsed() < PATIENCE,
            "{id} stays {job}\n{}",
            server.log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The proof's file of that beginning in a bundle, and what it says.
fn proof(bundle: &Path, start: &str) -> (PathBuf, Value) {
    let mut files = fs::read_dir(bundle)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let path = files
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(start)
        })
        .unwrap();
    let value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    (path, value)
}

#[test]
fn a_finding_holds_a_job_back_until_the_image_is_rated_better_and_stands_in_its_proof() {
    let image = image();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    trivy::write_database(&cache, LONG_AGO, &[ZLIB]).unwrap();
    let server = server(Folder::new(), &image, &cache);
    let inputs = Inputs::sample("wine", folder.path());
    let job = server.submit(&inputs, &["epochs=2"]);

    let held = wait_for(&server, &job, |job| {
        job["held"]
            .as_str()
            .is_some_and(|held| held.contains(ZLIB.id))
    });
    assert_eq!(held["status"], "queued");
    assert!(held["held"].as_str().unwrap().contains("scan.fail_on"));
    let found = &held["image_scan"]["found"];
    assert_eq!(found["counts"]["critical"], 1);
    assert_eq!(found["vulnerabilities"][0], ZLIB.id);
    assert_eq!(found["database_stale"], true);
    let shown = server.client(&["status", &job]);
    assert!(shown.contains("1 critical"), "{shown}");

    // The same finding, rated low by now: known, and no reason to wait.
    let rated = Vulnerability {
        severity: "LOW",
        ..ZLIB
    };
    trivy::write_database(&cache, LONG_AGO, &[rated]).unwrap();
    let done = wait_for(&server, &job, |job| job["status"] == "completed");
    assert_eq!(done["held"], Value::Null);
    assert_eq!(done["lost"].as_u64().unwrap_or(0), 0);
    let found = &done["image_scan"]["found"];
    assert_eq!(
        (&found["counts"]["low"], &found["counts"]["critical"]),
        (&1.into(), &0.into())
    );

    let bundle = server.bundle(&job, folder.path());
    run_ok(&["verify", text(&bundle)]);
    in_toto(&bundle).unwrap();
    let bom = bundle.join("aibom.json");
    cyclonedx(&bom, &folder.path().join("trust/platform.pub")).unwrap();
    says_what_was_found(&bundle, &image);
    reports_are_kept(&server, &bundle);
    api_verifies(&server, &bundle);
    a_scan_of_another_image_is_refused(&bundle);
}

fn says_what_was_found(bundle: &Path, image: &Image) {
    let (_, bom) = proof(bundle, "aibom.json");
    let found = &bom["vulnerabilities"][0];
    assert_eq!(found["id"], ZLIB.id);
    assert_eq!(found["ratings"][0]["severity"], "low");
    let components = bom["components"].as_array().unwrap();
    let affected = components
        .iter()
        .find(|one| one["bom-ref"] == found["affects"][0]["ref"])
        .unwrap();
    assert_eq!(affected["type"], "container");
    assert_eq!(affected["version"], image.id().unwrap());
    let (_, training) = proof(bundle, "run_training.");
    let (_, scan) = proof(bundle, "scan_image.");
    let path = assay_attest::IMAGE_PATH;
    assert_eq!(
        training["signed"]["materials"][path],
        scan["signed"]["materials"][path]
    );
}

/// The reports that the link names lie in the bucket of workers' scans.
fn reports_are_kept(server: &Server, bundle: &Path) {
    let folder = server.data().join("store/scans");
    // Over servers the buckets are elsewhere; `deployed` looks into them.
    if !folder.exists() {
        return;
    }
    let (_, scan) = proof(bundle, "scan_image.");
    let kept: Vec<String> = crate::support::files(&folder)
        .iter()
        .map(|file| {
            let bytes = fs::read(folder.join(file)).unwrap();
            Digest::of(&bytes).to_string()
        })
        .collect();
    for path in assay_attest::SCAN_REPORTS {
        let digest = scan["signed"]["products"][path]["sha256"].as_str().unwrap();
        assert!(kept.iter().any(|one| one == digest), "{path}");
    }
}

fn api_verifies(server: &Server, bundle: &Path) {
    let (path, _) = proof(bundle, "run_training.");
    let name = path.file_name().unwrap().to_str().unwrap();
    let bytes = fs::read(&path).unwrap();
    let answer = server
        .http()
        .post("/verify_in-toto_link", &[("link_file", name, &bytes)], &[]);
    assert_eq!(answer.json()["status"], "success", "{}", answer.json());
    let (path, _) = proof(bundle, "scan_image.");
    let bytes = fs::read(path).unwrap();
    let answer = server.http().post(
        "/verify_in-toto_link",
        &[("link_file", "scan_image.link", &bytes)],
        &[],
    );
    assert_eq!(answer.json()["status"], "success", "{}", answer.json());
    let bom = fs::read(bundle.join("aibom.json")).unwrap();
    let answer = server.http().post(
        "/verify_bom_and_link",
        &[("bom_file", "aibom.json", &bom)],
        &[],
    );
    assert_eq!(answer.json()["status"], "success", "{}", answer.json());
}

/// in-toto itself sees that the scan is of another image than the one that trained, and misses a missing scan.
fn a_scan_of_another_image_is_refused(bundle: &Path) {
    let (path, _) = proof(bundle, "scan_image.");
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(in_toto(bundle).is_err());
    let text = String::from_utf8(whole).unwrap();
    fs::write(
        &path,
        text.replacen("\"return-value\":10", "\"return-value\":0", 1),
    )
    .unwrap();
    assert!(in_toto(bundle).is_err());
}
