//! One scan, from the image to everything that is kept of it.

use assay_attest::{Digest, intoto::sign};
use assay_platform::{
    Platform,
    scan::{Component, Counts, Report, Scan, ScanOutcome},
    store::ReportBucket,
};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    images::Image,
    link::scan_link,
    process::Output,
    room::Room,
    trivy::{Findings, Trivy, Version},
};

/// Scans an image and stores what came of it; gives the row, which is not written yet. It fails never: what goes wrong
/// is a failed scan.
pub(crate) async fn scan(platform: &Platform, image: &Image) -> Scan {
    let mut scan = Scan {
        id: Uuid::now_v7(),
        image: image.name.clone(),
        image_digest: image.id,
        component: image.component,
        scanned_at: now(),
        trivy_version: None,
        database_updated_at: None,
        database_stale: true,
        outcome: ScanOutcome::Failed,
        counts: Counts::default(),
        vulnerabilities: Vec::new(),
        json: None,
        cyclonedx: None,
        link: None,
        reason: None,
    };
    match attempt(platform, image, &mut scan).await {
        Ok(()) => {}
        Err(reason) => {
            scan.outcome = ScanOutcome::Failed;
            scan.reason = Some(reason);
        }
    }
    scan
}

/// The time in whole milliseconds, as the database keeps it.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now)
}

async fn attempt(platform: &Platform, image: &Image, scan: &mut Scan) -> Result<(), String> {
    let config = &platform.config.scan;
    let room = Room::create(&platform.rooms())
        .map_err(|error| format!("no folder could be made for the scan: {error}"))?;
    let trivy = Trivy(config);
    let archive = image.archive(platform, &room);
    let archive = archive.instrument(tracing::debug_span!("fetch")).await?;
    let found = trivy.scan(&archive, image.id, &room);
    let found = found.instrument(tracing::debug_span!("trivy")).await;
    // Asked afterwards: the scan may have fetched a newer database.
    let version = trivy.version(&room).await?;
    scan.trivy_version = Some(version.program.clone());
    scan.database_updated_at = version.database;
    scan.database_stale = version.is_stale(config.database_max_age, scan.scanned_at);
    let findings = found?;
    keep(platform, image, scan, &version, &findings)
        .instrument(tracing::debug_span!("store"))
        .await?;
    scan.outcome = if findings.vulnerabilities.is_empty() {
        ScanOutcome::Clean
    } else {
        ScanOutcome::Findings
    };
    scan.counts = findings.counts;
    scan.vulnerabilities = findings.vulnerabilities;
    Ok(())
}

/// Stores both reports and the link.
async fn keep(
    platform: &Platform,
    image: &Image,
    scan: &mut Scan,
    version: &Version,
    findings: &Findings,
) -> Result<(), String> {
    let keys = &platform.keys;
    let key = keys.scanner().map_err(|error| error.to_string())?.clone();
    let (stale, at) = (scan.database_stale, scan.scanned_at);
    let link = scan_link(image, version, stale, findings, at);
    let signed = keys.signing(move || sign(&link, &key)).await;
    let signed = signed.map_err(|error| error.to_string())?;
    let link = signed.map_err(|error| format!("the link cannot be signed: {error}"))?;
    let stem = stem(image.id, scan.scanned_at)?;
    scan.json = Some(
        put(
            platform,
            image,
            format!("{stem}.trivy.json"),
            &findings.json,
        )
        .await?,
    );
    let name = format!("{stem}.cyclonedx.json");
    scan.cyclonedx = Some(put(platform, image, name, &findings.cyclonedx).await?);
    let stored = platform
        .store
        .put_bytes(&link)
        .await
        .map_err(|error| format!("the link cannot be stored: {error}"))?;
    scan.link = Some(stored.digest);
    Ok(())
}

/// What the names of a scan's reports begin with: the image's id and the time.
fn stem(image: Digest, at: OffsetDateTime) -> Result<String, String> {
    let time = at
        .to_offset(UtcOffset::UTC)
        .format(&Rfc3339)
        .map_err(|error| error.to_string())?;
    Ok(format!("{image}/{time}"))
}

async fn put(
    platform: &Platform,
    image: &Image,
    name: String,
    output: &Output,
) -> Result<Report, String> {
    let settings = &platform.config.store;
    let (bucket, bucket_name) = match image.component {
        Component::Worker | Component::Trainer => {
            (ReportBucket::Worker, &settings.bucket_worker_scans)
        }
        Component::Api | Component::Scanner => {
            (ReportBucket::Scanner, &settings.bucket_scanner_scans)
        }
    };
    let bytes = tokio::fs::read(&output.path)
        .await
        .map_err(|error| format!("a report cannot be read again: {error}"))?;
    if Digest::of(&bytes) != output.digest {
        return Err("a report changed after it was written".to_owned());
    }
    platform
        .store
        .put_scan(bucket, &name, bytes)
        .await
        .map_err(|error| format!("a report cannot be stored: {error}"))?;
    Ok(Report {
        bucket: bucket_name.clone(),
        name,
        digest: output.digest,
        bytes: output.bytes,
    })
}
