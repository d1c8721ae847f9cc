//! A scan's row against its signed link. The row is what jobs are judged by, and others can write it; the link is what
//! the scanner signed. So where a proof needs the link, the row must say the same.

use std::{collections::BTreeSet, time::Duration};

use assay_attest::intoto::Link;
use assay_platform::scan::{Counts, Scan, ScanConfig};
use serde::Deserialize as _;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// How far ahead of the database's clock a scanner's may be.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(600);

/// Checks that a link found what the row says, and that the scan itself, not only its row, is new enough. The error is a
/// clause for people. `now` is by the database's clock.
pub(super) fn agrees(
    link: &Link,
    scan: &Scan,
    config: &ScanConfig,
    now: OffsetDateTime,
) -> Result<(), String> {
    let counts = link.byproducts.get("counts");
    let counts = counts.and_then(|counts| Counts::deserialize(counts).ok());
    if counts != Some(scan.counts) {
        return Err("it counts other vulnerabilities than the scan's row".to_owned());
    }
    let signed: Option<BTreeSet<&str>> = link
        .byproducts
        .get("vulnerabilities")
        .and_then(Value::as_array)
        .and_then(|ids| ids.iter().map(Value::as_str).collect());
    let rows: BTreeSet<&str> = scan
        .vulnerabilities
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    if signed != Some(rows) {
        return Err("it names other vulnerabilities than the scan's row".to_owned());
    }
    let at = link.environment.get("scanned-at").and_then(Value::as_str);
    let at = at.and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok());
    let Some(at) = at else {
        return Err("it does not say when the image was scanned".to_owned());
    };
    if at - now > CLOCK_TOLERANCE {
        return Err(format!(
            "it is dated {at}, which is still to come: the scanner's clock is ahead of the database's"
        ));
    }
    if config.fail_on.level().is_some() && now - at > config.max_age {
        return Err(format!(
            "it was signed {} hours ago, more than scan.max_age_hours",
            (now - at).whole_hours()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use assay_attest::{Digest, SCAN_IMAGE, scan_command};
    use assay_platform::{
        Config,
        scan::{Component, FailOn, ScanOutcome, Severity, Vulnerability},
    };
    use serde_json::json;
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

    fn row() -> Scan {
        Scan {
            id: Uuid::nil(),
            image: "trainer".into(),
            image_digest: Digest::of(b"image"),
            component: Component::Trainer,
            scanned_at: NOW,
            trivy_version: None,
            database_updated_at: None,
            database_stale: false,
            outcome: ScanOutcome::Findings,
            counts: Counts {
                medium: 1,
                ..Counts::default()
            },
            vulnerabilities: vec![Vulnerability {
                id: "CVE-1".into(),
                severity: Severity::Medium,
                package: "p".into(),
                installed: "1".into(),
                fixed: None,
                title: None,
            }],
            json: None,
            cyclonedx: None,
            link: None,
            reason: None,
        }
    }

    fn link() -> Link {
        let mut link = Link::new(SCAN_IMAGE, scan_command());
        link.byproducts = json!({
            "counts": {"critical": 0, "high": 0, "medium": 1, "low": 0, "unknown": 0},
            "vulnerabilities": ["CVE-1"],
        })
        .as_object()
        .unwrap()
        .clone();
        let at = "2026-06-01T11:59:00Z";
        link.environment.insert("scanned-at".into(), at.into());
        link
    }

    fn outcome(link: &Link, scan: &Scan) -> Result<(), String> {
        let mut config = Config::in_dir("/x").unwrap().scan;
        config.fail_on = FailOn::Critical;
        agrees(link, scan, &config, NOW)
    }

    #[test]
    fn a_row_that_says_less_than_its_link_is_not_believed() {
        assert_eq!(outcome(&link(), &row()), Ok(()));
        let mut milder = row();
        milder.counts.medium = 0;
        assert!(outcome(&link(), &milder).is_err());
        let mut fewer = row();
        fewer.vulnerabilities.clear();
        assert!(outcome(&link(), &fewer).is_err());
        for missing in ["counts", "vulnerabilities"] {
            let mut link = link();
            link.byproducts.remove(missing);
            assert!(outcome(&link, &row()).is_err(), "{missing}");
        }
    }

    #[test]
    fn the_time_of_the_link_counts_not_that_of_a_new_row_for_it() {
        for (at, good) in [
            ("2026-06-01T12:09:00Z", true),
            ("2026-06-01T12:11:00Z", false),
            ("2999-01-01T00:00:00Z", false),
            ("2026-05-26T00:00:00Z", true),
            ("2026-05-01T00:00:00Z", false),
            ("1970-01-01T00:00:00Z", false),
            ("yesterday", false),
        ] {
            let mut link = link();
            link.environment.insert("scanned-at".into(), at.into());
            assert_eq!(outcome(&link, &row()).is_ok(), good, "{at}");
        }
        let mut dateless = link();
        dateless.environment.clear();
        assert!(outcome(&dateless, &row()).is_err());
    }
}
