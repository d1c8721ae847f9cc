use std::{collections::HashMap, time::Instant};

use assay_attest::Digest;
use assay_platform::{
    Platform,
    scan::{Scan, ScanOutcome},
    shutdown::wanted,
    telemetry::{
        self,
        metrics::{IMAGES_MISSING, SCAN_DATABASE_STALE, SCAN_FINDINGS, SCAN_LAST_SUCCESS, SCANS},
    },
};
use time::OffsetDateTime;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::Instrument as _;

use crate::{
    due::{is_due, pause},
    error::ScannerError,
    images::{Image, look},
    record::scan,
    room::{self, Room},
    trivy::Trivy,
};

/// When this process last scanned an image, and whether that failed. The database dates scans by a clock of its own,
/// which may not be this machine's.
type Tried = HashMap<Digest, (Instant, bool)>;

/// Images that could not be found when this process last looked: their names, and why.
type Missing = Vec<(String, String)>;

/// Scans until `shutdown` turns true (or its sender goes). Several scanners at once do no harm: each scan is a row and
/// reports of its own, and what another has just scanned is not due.
///
/// # Errors
/// [`ScannerError`] when the start fails. What goes wrong with one scan is that scan's outcome.
pub async fn run(
    platform: Platform,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), ScannerError> {
    let config = &platform.config.scan;
    if config.images.is_empty() {
        return Err(ScannerError::NoImages);
    }
    platform.keys.scanner()?;
    let rooms = platform.rooms();
    // This process holds the folder's lock, so whoever made what lies there is gone.
    match room::sweep(&rooms) {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "folders of scans that were killed were removed"),
        Err(error) => {
            tracing::warn!(path = %rooms.display(), %error, "folders of scans that were killed could not be removed");
        }
    }
    let version = {
        let room = Room::create(&rooms).map_err(|error| ScannerError::Trivy(error.to_string()))?;
        Trivy(config)
            .version(&room)
            .await
            .map_err(ScannerError::Trivy)?
    };
    tracing::info!(
        trivy = version.program,
        images = config.images.len(),
        "scanner ready"
    );
    let mut tick = interval(config.look);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut tried, mut missing) = (Tried::new(), Missing::new());
    loop {
        tokio::select! {
            biased;
            () = wanted(&mut shutdown) => return Ok(()),
            _ = tick.tick() => {}
        }
        tokio::select! {
            biased;
            // A scan that is broken off leaves nothing but its folder, which goes with it.
            () = wanted(&mut shutdown) => return Ok(()),
            () = round(&platform, &mut tried, &mut missing) => {}
        }
    }
}

/// Scans every image that is due.
async fn round(platform: &Platform, tried: &mut Tried, missing: &mut Missing) {
    let images = look(platform).await;
    metrics::gauge!(IMAGES_MISSING).set(images.missing.len() as f64);
    for one @ (name, reason) in &images.missing {
        if !missing.contains(one) {
            tracing::warn!(image = name, reason, "an image to scan is missing");
        }
    }
    *missing = images.missing;
    for image in &images.known {
        if is_wanted(platform, tried, image).await {
            let span = tracing::info_span!(
                "scan",
                image = image.name,
                component = image.component.as_str(),
                outcome = tracing::field::Empty
            );
            let scan = scan(platform, image).instrument(span.clone()).await;
            span.record("outcome", scan.outcome.as_str());
            if scan.outcome == ScanOutcome::Failed {
                telemetry::failed(&span, "scan_failed");
            }
            tell(&scan);
            tried.insert(
                image.id,
                (Instant::now(), scan.outcome == ScanOutcome::Failed),
            );
            write(platform, &scan).await;
        }
    }
}

async fn is_wanted(platform: &Platform, tried: &Tried, image: &Image) -> bool {
    let config = &platform.config.scan;
    if let Some((at, failed)) = tried.get(&image.id)
        && at.elapsed() < pause(config, *failed)
    {
        return false;
    }
    match platform.db.newest_scan_brief(image.id).await {
        Ok(newest) => is_due(config, newest.as_ref(), OffsetDateTime::now_utc()),
        Err(error) => {
            tracing::warn!(image = image.name, %error, "the scans of an image could not be looked up");
            false
        }
    }
}

/// Writes the row, and lets jobs that are held because of this image look at it at once.
async fn write(platform: &Platform, scan: &Scan) {
    if let Err(error) = platform.naming(|| platform.db.record_scan(scan)).await {
        tracing::error!(image = scan.image, %error, "a scan could not be written down; it is made again");
        return;
    }
    if let Err(error) = platform.db.release_holds(scan.image_digest).await {
        tracing::warn!(%error, "held jobs could not be told of a scan; they look again by themselves");
    }
}

/// Log and metrics.
fn tell(scan: &Scan) {
    let component = scan.component.as_str();
    let outcome = scan.outcome.as_str();
    metrics::counter!(SCANS, "component" => component, "outcome" => outcome).increment(1);
    let counts = &scan.counts;
    if scan.outcome == ScanOutcome::Failed {
        let reason = scan.reason.as_deref().unwrap_or_default();
        tracing::error!(image = scan.image, id = %scan.image_digest, reason, "a scan failed; the image is not known to be clean");
        return;
    }
    for (severity, count) in counts.by_severity() {
        metrics::gauge!(SCAN_FINDINGS, "component" => component, "severity" => severity.as_str())
            .set(count as f64);
    }
    metrics::gauge!(SCAN_DATABASE_STALE).set(if scan.database_stale { 1.0 } else { 0.0 });
    metrics::gauge!(SCAN_LAST_SUCCESS, "component" => component)
        .set(scan.scanned_at.unix_timestamp() as f64);
    tracing::info!(
        image = scan.image, id = %scan.image_digest, outcome, critical = counts.critical, high = counts.high,
        "an image was scanned"
    );
    if scan.database_stale {
        tracing::warn!(
            database = ?scan.database_updated_at,
            "Trivy's database is stale: newer vulnerabilities are not in it"
        );
    }
}
