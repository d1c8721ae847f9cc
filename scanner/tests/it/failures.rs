use std::time::Duration;

use assay_platform::scan::{ScanOutcome, Severity};
use assay_scanner::ScannerError;
use tokio::sync::watch;

use crate::support::Bench;

/// A report in which everything is well but what the case changes; the id of the image is filled in.
const REPORT: &str = r#"id=$(tar -xOf "$(echo "$@" | sed 's/.*--input \([^ ]*\).*/\1/')" config.json | sha256sum | cut -d' ' -f1)
printf '{"SchemaVersion":2,"Metadata":{"ImageID":"sha256:%s"},"Results":[{"Packages":[{}],"Vulnerabilities":%s}]}' "$id""#;
const FINDING: &str = r#"[{"VulnerabilityID":"CVE-1","PkgName":"p","InstalledVersion":"1","FixedVersion":"2","Severity":"HIGH"}]"#;

/// Runs one scan with this in Trivy's place; it must fail with this reason, and nothing may be kept of it.
async fn fails(image: &str, reason: &str, change: impl FnOnce(&mut assay_platform::Config)) {
    let mut bench = Bench::new(change).await;
    bench.make_image();
    bench.make_trivy(image);
    bench.start();
    let scan = bench.until(|_| true).await;
    bench.stop().await;
    assert_eq!(scan.outcome, ScanOutcome::Failed, "{image}");
    let said = scan.reason.clone().unwrap();
    assert!(said.contains(reason), "{said}");
    assert!(scan.json.is_none() && scan.cyclonedx.is_none() && scan.link.is_none());
    let newest = bench.platform.db.newest_scan(scan.image_digest).await;
    assert_eq!(newest.unwrap().unwrap().outcome, ScanOutcome::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_does_not_go_well_is_never_clean() {
    let finding = format!("{REPORT} '{FINDING}'");
    let clean = format!("{REPORT} '[]'");
    for (image, reason) in [
        (
            "echo no database >&2; exit 1".to_owned(),
            "status 1: no database",
        ),
        ("exit 0".to_owned(), "cannot be read"),
        ("echo garbage; exit 10".to_owned(), "cannot be read"),
        ("kill -9 $$".to_owned(), "signal"),
        (format!("{finding}; exit 0"), "status 0, but"),
        (format!("{clean}; exit 10"), "status 10, but"),
        (format!("{finding}; exit 2"), "status 2"),
    ] {
        fails(&image, reason, |_| {}).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_of_another_image_under_this_ones_id_are_not_scanned() {
    let mut bench = Bench::new(|_| {}).await;
    bench.make_image();
    bench.make_trivy(&format!("{REPORT} '[]'; exit 0"));
    bench.exchange_layer();
    bench.start();
    let scan = bench.until(|_| true).await;
    bench.stop().await;
    assert_eq!(scan.outcome, ScanOutcome::Failed);
    let said = scan.reason.unwrap();
    assert!(said.contains("not the contents of the image"), "{said}");
    assert!(scan.link.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_has_limits_of_time_and_size() {
    fails("exec sleep 100000", "took longer", |config| {
        config.scan.timeout = Duration::from_millis(300);
    })
    .await;
    fails("yes", "scan.report_bytes", |config| {
        config.scan.report_bytes = 100_000;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_kept_and_an_image_that_was_missing_is_scanned_when_it_appears() {
    let mut bench = Bench::new(|_| {}).await;
    bench.make_trivy(&format!("{REPORT} '{FINDING}'; exit 10"));
    bench.start();
    bench.make_image();
    let scan = bench
        .until(|scan| scan.outcome == ScanOutcome::Findings)
        .await;
    bench.stop().await;
    assert_eq!(scan.counts.high, 1);
    assert_eq!(scan.vulnerabilities[0].severity, Severity::High);
    assert!(scan.database_stale, "2020 is long ago");
    assert!(scan.link.is_some() && scan.json.is_some() && scan.cyclonedx.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_image_under_the_same_name_is_scanned_long_before_the_next_scan_is_due() {
    let mut bench = Bench::new(|config| config.scan.every = Duration::from_secs(100_000)).await;
    bench.make_image();
    bench.make_trivy(&format!("{REPORT} '[]'; exit 0"));
    bench.start();
    let first = bench.until(|_| true).await;
    bench.make_other_image();
    let second = bench
        .until(|scan| scan.image_digest != first.image_digest)
        .await;
    bench.stop().await;
    assert_eq!(second.image, first.image);
    assert_eq!(second.outcome, ScanOutcome::Clean);
    assert_eq!(bench.platform.db.scans(9).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_by_a_clock_that_is_wrong_counts_as_the_newest_all_the_same() {
    let mut bench = Bench::new(|config| config.scan.every = Duration::from_secs(3600)).await;
    bench.make_image();
    bench.make_trivy(&format!("{REPORT} '[]'; exit 0"));
    bench.start();
    let scan = bench.until(|_| true).await;
    bench.stop().await;
    let (ahead, behind) = (Duration::from_secs(600), Duration::from_secs(86_400));
    for said in [scan.scanned_at + ahead, scan.scanned_at - behind] {
        let mut next = scan.clone();
        next.id = uuid::Uuid::now_v7();
        next.scanned_at = said;
        next.outcome = ScanOutcome::Failed;
        bench.platform.db.record_scan(&next).await.unwrap();
        let newest = bench.platform.db.newest_scan(scan.image_digest).await;
        let newest = newest.unwrap().unwrap();
        assert_eq!((newest.id, newest.outcome), (next.id, ScanOutcome::Failed));
        let now = bench.platform.db.now().await.unwrap();
        assert!(scan.scanned_at <= newest.scanned_at && newest.scanned_at <= now);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_that_could_never_scan_does_not_start() {
    let bench = Bench::new(|config| config.scan.trivy = "/nowhere/trivy".into()).await;
    let (_stop, stopping) = watch::channel(false);
    let refused = assay_scanner::run(bench.platform.clone(), stopping).await;
    assert!(
        matches!(refused, Err(ScannerError::Trivy(_))),
        "{refused:?}"
    );
}
