//! The same finding in a deployment: API, worker and scanner as programs of their own over PostgreSQL, RabbitMQ and S3.

use std::path::Path;

use assay_attest::{Digest, SCAN_REPORTS};
use assay_test_parts::{
    Corner, names,
    trivy::{self, Vulnerability, ZLIB},
};
use serde_json::Value;

use super::{LONG_AGO, image, proof};
use crate::support::{deployment::Deployment, server::Inputs, text};

/// The objects of a bucket.
fn objects(corner: &Corner, purpose: &str) -> Vec<Vec<u8>> {
    let (client, bucket) = (corner.buckets().client(), corner.buckets().name(purpose));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listed = client.list_objects_v2().bucket(&bucket).send().await;
        let mut found = Vec::new();
        for object in listed.unwrap().contents() {
            let get = client
                .get_object()
                .bucket(&bucket)
                .key(object.key().unwrap());
            let body = get.send().await.unwrap().body.collect().await;
            found.push(body.unwrap().into_bytes().to_vec());
        }
        found
    })
}

/// Waits until a bucket holds a report of each kind that names the finding; gives all that it holds.
fn reports(corner: &Corner, purpose: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    assay_test_parts::within(super::PATIENCE, "both reports of a scan", || {
        found = objects(corner, purpose);
        let documents: Vec<Value> = found
            .iter()
            .filter_map(|bytes| serde_json::from_slice(bytes).ok())
            .filter(|document: &Value| document.to_string().contains(ZLIB.id))
            .collect();
        documents.iter().any(|one| one["SchemaVersion"] == 2)
            && documents.iter().any(|one| one["bomFormat"] == "CycloneDX")
    })
    .unwrap();
    found
}

#[test]
fn a_finding_is_in_the_buckets_the_job_that_it_holds_and_the_proof() {
    let image = image();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    trivy::write_database(&cache, LONG_AGO, &[ZLIB]).unwrap();
    let api = folder.path().join("api.tar");
    trivy::write_image(&api, &trivy::DEBIAN).unwrap();
    let images = format!("[\"trainer={}\", \"api={}\"]", image.name(), text(&api));
    let deployment = deployment(image.name(), &images, &cache);
    let mut scanner = deployment.scanner();
    scanner.start();

    let job = deployment.submit(&Inputs::sample("wine", folder.path()), &["epochs=2"]);
    let held = deployment.wait_for(&job, |job| {
        job["held"]
            .as_str()
            .is_some_and(|held| held.contains(ZLIB.id))
    });
    assert_eq!(held["status"], "queued");
    let reason = held["held"].as_str().unwrap();
    assert!(reason.contains("scan.fail_on is \"high\""), "{reason}");
    let found = &held["image_scan"]["found"];
    assert_eq!(found["vulnerabilities"][0], ZLIB.id);
    assert_eq!(found["database_stale"], true);
    reports(&deployment.corner, "worker-scans");
    reports(&deployment.corner, "scanner-scans");

    // The same finding, rated low by now: known, and no reason to wait.
    let rated = Vulnerability {
        severity: "LOW",
        ..ZLIB
    };
    trivy::write_database(&cache, LONG_AGO, &[rated]).unwrap();
    let done = deployment.wait_for(&job, |job| job["status"] == "completed");
    assert_eq!(done["image_scan"]["found"]["counts"]["low"], 1);
    let bundle = deployment.verify(&job);
    let (_, bom) = proof(&bundle, "aibom.json");
    assert_eq!(bom["vulnerabilities"][0]["id"], ZLIB.id);
    let (_, link) = proof(&bundle, "scan_image.");
    let kept = objects(&deployment.corner, "worker-scans");
    let kept: Vec<String> = kept.iter().map(|one| Digest::of(one).to_string()).collect();
    for path in SCAN_REPORTS {
        let digest = link["signed"]["products"][path]["sha256"].as_str().unwrap();
        assert!(kept.iter().any(|one| one == digest), "{path}");
    }
    assert!(scanner.end());
}

/// One whose jobs need a scan without critical and high findings.
fn deployment(trainer: &str, images: &str, cache: &Path) -> Deployment {
    let program = trivy::program().unwrap();
    Deployment::start(
        1,
        &[
            ("ASSAY__SANDBOX__KIND", "docker"),
            ("ASSAY__DOCKER__HOST", &names::of(names::DOCKER).unwrap()),
            ("ASSAY__DOCKER__IMAGE", trainer),
            ("ASSAY__DOCKER__CALL_SECONDS", "300"),
            ("ASSAY__SCAN__REQUIRED", "true"),
            ("ASSAY__SCAN__FAIL_ON", "high"),
            ("ASSAY__SCAN__IMAGES", images),
            ("ASSAY__SCAN__EVERY_SECONDS", "1"),
            ("ASSAY__SCAN__LOOK_SECONDS", "1"),
            ("ASSAY__SCAN__RECHECK_SECONDS", "1"),
            ("ASSAY__SCAN__UPDATE_DATABASE", "false"),
            ("ASSAY__SCAN__TRIVY", text(&program)),
            ("ASSAY__SCAN__CACHE_DIR", text(cache)),
        ],
    )
}
