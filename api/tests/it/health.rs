//! What `GET /health` says of keys, disk and scans.

use std::time::Duration;

use assay_attest::Digest;
use assay_platform::scan::{Component, Counts, Scan, ScanOutcome};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::support::Bench;

async fn parts(bench: &Bench, status: u16) -> Value {
    bench.get("/health").await.json(status)["parts"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_names_the_keys_that_it_holds_and_misses_those_that_are_gone() {
    let bench = Bench::new().await;
    let before = parts(&bench, 200).await;
    assert_eq!(before["keys"], "ok", "{before}");
    let held = before["keys_held"].as_array().unwrap();
    let roles: Vec<_> = held
        .iter()
        .map(|key| key["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["api", "worker", "platform"]);
    let own = bench.platform.keys.worker().unwrap().keyid().to_string();
    assert_eq!(held[1]["keyid"], own);
    assert_eq!(before["disk"], "ok");
    assert!(before["disk_free_bytes"].as_u64() > Some(0));
    assert!(before.get("scans").is_none(), "none are configured");

    let secrets = bench.folder.path().join("assay/secrets");
    std::fs::remove_file(secrets.join("worker.pem")).unwrap();
    // It works on with what it has in memory.
    let after = parts(&bench, 200).await;
    let said = after["keys"].as_str().unwrap();
    assert!(said.contains("worker.pem"), "{said}");
    assert_eq!(after["keys_held"], before["keys_held"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_for_a_job_is_told_of() {
    let bench = Bench::with(|config| config.sandbox.keep_free_bytes = u64::MAX).await;
    let parts = parts(&bench, 503).await;
    let said = parts["disk"].as_str().unwrap();
    assert!(said.contains("sandbox.keep_free_bytes"), "{said}");
}

fn clean_scan() -> Scan {
    Scan {
        id: Uuid::now_v7(),
        image: "trainer:1".to_owned(),
        image_digest: Digest::of(b"image"),
        component: Component::Trainer,
        scanned_at: OffsetDateTime::now_utc(),
        trivy_version: None,
        database_updated_at: None,
        database_stale: true,
        outcome: ScanOutcome::Clean,
        counts: Counts::default(),
        vulnerabilities: Vec::new(),
        json: None,
        cyclonedx: None,
        link: None,
        reason: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_when_a_scan_last_succeeded() {
    let bench = Bench::with(|config| config.scan.required = true).await;
    let none = parts(&bench, 200).await;
    assert_eq!(none["scans"], "no image has been scanned yet");
    assert!(none.get("last_scan_at").is_none());
    let db = &bench.platform.db;
    let before = db.now().await.unwrap();
    db.record_scan(&clean_scan()).await.unwrap();
    let now = parts(&bench, 200).await;
    assert_eq!(now["scans"], "ok");
    let at = now["last_scan_at"].as_str().unwrap();
    assert!(
        OffsetDateTime::parse(at, &Rfc3339).unwrap() >= before,
        "{at}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_long_ago_is_stale() {
    let bench = Bench::with(|config| {
        config.scan.required = true;
        config.scan.max_age = Duration::from_millis(1);
    })
    .await;
    bench.platform.db.record_scan(&clean_scan()).await.unwrap();
    let stale = async {
        while !parts(&bench, 200).await["scans"]
            .as_str()
            .unwrap()
            .starts_with("stale")
        {}
    };
    tokio::time::timeout(Duration::from_secs(60), stale)
        .await
        .unwrap();
}
