//! Whether jobs may run in an image, by what is known of it.

use assay_attest::Digest;
use time::{Duration, OffsetDateTime};

use super::{Scan, ScanConfig, ScanOutcome, Severity};

/// Ids that a reason names at most.
const IDS_NAMED: usize = 5;

/// How far in the future a scan may seem to be: clocks of database servers that take over from each other differ.
const CLOCK_TOLERANCE: Duration = Duration::minutes(1);

/// Whether a job may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Run,
    /// Not now, and why: for people, with what would change it.
    Hold(String),
}

/// Judges an image by its newest scan. `proof_needs_scan` says that the job's layout has a step `scan_image`.
///
/// Nothing but a scan that succeeded is read as knowledge: no scan, a failed one and an old one hold the job back
/// whenever findings would, and so does one that is still to come. A stale database does not, since it is said to be
/// stale wherever the scan is shown. `now` is by the clock of the database, which dates scans.
pub fn judge(
    config: &ScanConfig,
    image: Digest,
    newest: Option<&Scan>,
    proof_needs_scan: bool,
    now: OffsetDateTime,
) -> Verdict {
    let level = config.fail_on.level();
    if level.is_none() && !proof_needs_scan {
        return Verdict::Run;
    }
    let why = if level.is_some() {
        format!("scan.fail_on is {:?}", config.fail_on.as_str())
    } else {
        "the proof needs a scan of the image".to_owned()
    };
    let Some(scan) = newest else {
        return Verdict::Hold(format!(
            "the image sha256:{image} has not been scanned yet, and {why}; is the scanner running, and is the image \
             in scan.images?"
        ));
    };
    if scan.outcome == ScanOutcome::Failed {
        let reason = scan.reason.as_deref().unwrap_or("it gave no reason");
        return Verdict::Hold(format!(
            "the newest scan of the image sha256:{image} failed, and {why}: {reason}"
        ));
    }
    if proof_needs_scan && scan.link.is_none() {
        return Verdict::Hold(format!(
            "the newest scan of the image sha256:{image} has no signed link, and the proof needs one"
        ));
    }
    let Some(level) = level else {
        return Verdict::Run;
    };
    let age = now - scan.scanned_at;
    if age < -CLOCK_TOLERANCE {
        return Verdict::Hold(format!(
            "the newest scan of the image sha256:{image} is dated {}, which is still to come, and {why}: the \
             database's clock was put back, or the scan's row was changed",
            scan.scanned_at
        ));
    }
    if age > config.max_age {
        return Verdict::Hold(format!(
            "the newest scan of the image sha256:{image} is {} hours old, more than scan.max_age_hours, and {why}",
            age.whole_hours()
        ));
    }
    findings(scan, level, image, &why)
}

fn findings(scan: &Scan, level: Severity, image: Digest, why: &str) -> Verdict {
    let mut ids: Vec<&str> = scan
        .vulnerabilities
        .iter()
        .filter(|one| one.severity >= level)
        .map(|one| one.id.as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let counts = &scan.counts;
    let counted = counts.critical
        + if level <= Severity::High {
            counts.high
        } else {
            0
        };
    if counted == 0 && ids.is_empty() {
        return Verdict::Run;
    }
    let mut named = ids
        .iter()
        .take(IDS_NAMED)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if ids.len() > IDS_NAMED {
        named.push_str(", …");
    }
    Verdict::Hold(format!(
        "the image sha256:{image} has {} critical and {} high vulnerabilities ({named}), and {why}; mend or replace \
         the image, or change scan.fail_on",
        counts.critical, counts.high
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::{
        Config,
        scan::{Component, Counts, FailOn, Vulnerability},
    };

    const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

    fn scan() -> Scan {
        Scan {
            id: Uuid::nil(),
            image: "trainer".into(),
            image_digest: Digest::of(b"image"),
            component: Component::Trainer,
            scanned_at: NOW - Duration::from_secs(3600),
            trivy_version: Some("0.76.0".into()),
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

    fn found(severity: Severity) -> Scan {
        let mut scan = scan();
        scan.outcome = ScanOutcome::Findings;
        match severity {
            Severity::Critical => scan.counts.critical = 1,
            Severity::High => scan.counts.high = 1,
            _ => scan.counts.medium = 1,
        }
        scan.vulnerabilities.push(Vulnerability {
            id: "CVE-1".into(),
            severity,
            package: "p".into(),
            installed: "1".into(),
            fixed: None,
            title: None,
        });
        scan
    }

    fn held(fail_on: FailOn, scan: Option<&Scan>, needed: bool) -> Option<String> {
        let mut config = Config::in_dir("/x").unwrap().scan;
        config.fail_on = fail_on;
        match judge(&config, Digest::of(b"image"), scan, needed, NOW) {
            Verdict::Run => None,
            Verdict::Hold(reason) => Some(reason),
        }
    }

    #[test]
    fn findings_hold_at_their_level_and_above() {
        let (critical, high, medium) = (
            found(Severity::Critical),
            found(Severity::High),
            found(Severity::Medium),
        );
        assert!(held(FailOn::Critical, Some(&critical), false).is_some());
        assert!(held(FailOn::High, Some(&critical), false).is_some());
        let reason = held(FailOn::High, Some(&high), false).unwrap();
        assert!(reason.contains("CVE-1"), "{reason}");
        assert_eq!(held(FailOn::Critical, Some(&high), false), None);
        assert_eq!(held(FailOn::High, Some(&medium), false), None);
        assert_eq!(held(FailOn::None, Some(&critical), false), None);
    }

    #[test]
    fn what_is_not_known_is_not_clean() {
        let mut failed = scan();
        failed.outcome = ScanOutcome::Failed;
        failed.reason = Some("no database".into());
        let mut old = scan();
        old.scanned_at = NOW - Duration::from_secs(169 * 3600);
        let mut future = scan();
        future.scanned_at = NOW + Duration::from_secs(61);
        for unknown in [None, Some(&failed), Some(&old), Some(&future)] {
            assert!(held(FailOn::Critical, unknown, false).is_some());
            assert_eq!(held(FailOn::None, unknown, false), None);
        }
        assert_eq!(held(FailOn::High, Some(&scan()), false), None);
    }

    #[test]
    fn a_proof_that_needs_a_scan_waits_for_its_link() {
        let mut linked = found(Severity::Critical);
        assert!(held(FailOn::None, None, true).is_some());
        assert!(held(FailOn::None, Some(&linked), true).is_some());
        linked.link = Some(Digest::of(b"link"));
        assert_eq!(held(FailOn::None, Some(&linked), true), None);
        assert!(held(FailOn::Critical, Some(&linked), true).is_some());
    }
}
