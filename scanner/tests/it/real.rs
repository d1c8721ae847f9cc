//! With the real Trivy, and a database of our own.

use assay_attest::{
    Digest, IMAGE_PATH, SCAN_REPORTS,
    intoto::{Layout, Link, Signed, check_signer},
};
use assay_platform::{
    Config,
    scan::{Scan, ScanOutcome, Severity},
    store::ReportBucket,
};
use assay_test_parts::trivy::{self, ZLIB};
use serde_json::Value;

use crate::support::Bench;

const LONG_AGO: &str = "2020-01-01T00:00:00Z";

async fn bench() -> Bench {
    let bench = Bench::new(|config: &mut Config| {
        config.scan.trivy = trivy::program().unwrap();
    })
    .await;
    bench.make_image();
    bench
}

fn cache(bench: &Bench) -> std::path::PathBuf {
    bench.folder.path().join("cache")
}

async fn report(bench: &Bench, scan: &Scan, which: usize) -> Vec<u8> {
    let report = [&scan.json, &scan.cyclonedx][which].as_ref().unwrap();
    assert_eq!(report.bucket, "worker-scans");
    let store = &bench.platform.store;
    let bytes = store.scan(ReportBucket::Worker, &report.name, 1 << 20);
    let bytes = bytes.await.unwrap();
    assert_eq!(Digest::of(&bytes), report.digest);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_finding_is_reported_signed_and_gone_once_it_is_mended() {
    let mut bench = bench().await;
    trivy::write_database(&cache(&bench), LONG_AGO, &[ZLIB]).unwrap();
    bench.start();
    let scan = bench
        .until(|scan| scan.outcome != ScanOutcome::Failed)
        .await;
    assert_eq!(scan.outcome, ScanOutcome::Findings, "{scan:?}");
    assert_eq!((scan.counts.critical, scan.vulnerabilities.len()), (1, 1));
    let found = &scan.vulnerabilities[0];
    assert_eq!(
        (found.id.as_str(), found.package.as_str()),
        (ZLIB.id, "zlib1g")
    );
    assert_eq!(found.severity, Severity::Critical);
    assert_eq!(found.fixed.as_deref(), Some(ZLIB.fixed));
    assert!(scan.database_stale && scan.database_updated_at.is_some());
    assert!(scan.trivy_version.as_deref().unwrap().starts_with("0."));

    let json: Value = serde_json::from_slice(&report(&bench, &scan, 0).await).unwrap();
    assert_eq!(
        json["Metadata"]["ImageID"],
        format!("sha256:{}", scan.image_digest)
    );
    let cyclonedx: Value = serde_json::from_slice(&report(&bench, &scan, 1).await).unwrap();
    assert_eq!(cyclonedx["vulnerabilities"][0]["id"], ZLIB.id);

    let keys = &bench.platform.keys;
    let layout = Signed::<Layout>::parse(keys.layout_with_scan().unwrap()).unwrap();
    let layout = layout.verify(&keys.trust().owner).unwrap();
    let link = bench.platform.store.read(scan.link.unwrap(), 1 << 20);
    let link = Signed::<Link>::parse(&link.await.unwrap()).unwrap();
    let link = check_signer(layout, &link).unwrap();
    assert_eq!(link.materials[IMAGE_PATH], scan.image_digest);
    let products = [&scan.json, &scan.cyclonedx].map(|report| report.as_ref().unwrap().digest);
    assert_eq!(SCAN_REPORTS.map(|path| link.products[path]), products);

    // Nothing known against it any more.
    trivy::write_database(&cache(&bench), LONG_AGO, &[]).unwrap();
    let clean = bench.until(|scan| scan.outcome == ScanOutcome::Clean).await;
    bench.stop().await;
    assert!(clean.scanned_at > scan.scanned_at);
    assert!(clean.vulnerabilities.is_empty() && clean.link.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_or_missing_database_is_a_failed_scan() {
    let mut bench = bench().await;
    bench.start();
    let missing = bench.until(|_| true).await;
    assert_eq!(missing.outcome, ScanOutcome::Failed);
    trivy::write_database(&cache(&bench), LONG_AGO, &[ZLIB]).unwrap();
    bench
        .until(|scan| scan.outcome == ScanOutcome::Findings)
        .await;
    let database = cache(&bench).join("db/trivy.db");
    std::fs::write(&database, "no database").unwrap();
    let found = bench
        .until(|scan| scan.outcome == ScanOutcome::Findings)
        .await;
    let corrupt = bench
        .until(|scan| scan.outcome == ScanOutcome::Failed && scan.scanned_at > found.scanned_at)
        .await;
    bench.stop().await;
    assert!(
        corrupt
            .reason
            .unwrap()
            .contains("Trivy ended with status 1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_which_trivy_knows_nothing_is_not_clean() {
    let mut bench = bench().await;
    let archive = bench.folder.path().join("image.tar");
    trivy::write_image(&archive, &[("program", "bytes")]).unwrap();
    trivy::write_database(&cache(&bench), LONG_AGO, &[ZLIB]).unwrap();
    bench.start();
    let scan = bench.until(|_| true).await;
    bench.stop().await;
    assert_eq!(scan.outcome, ScanOutcome::Failed);
    assert!(scan.reason.unwrap().contains("knows no package"));
}
