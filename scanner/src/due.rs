//! When an image is to be scanned again.

use std::time::Duration;

use assay_platform::scan::{Scan, ScanConfig, ScanOutcome};
use time::OffsetDateTime;

/// After a failed scan, unless the schedule is quicker.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// How long after a scan of this outcome the next one is due.
pub(crate) fn pause(config: &ScanConfig, failed: bool) -> Duration {
    if failed {
        config.every.min(AFTER_FAILURE)
    } else {
        config.every
    }
}

/// Whether an image is to be scanned now, by its newest scan.
pub(crate) fn is_due(config: &ScanConfig, newest: Option<&Scan>, now: OffsetDateTime) -> bool {
    newest.is_none_or(|scan| {
        now - scan.scanned_at >= pause(config, scan.outcome == ScanOutcome::Failed)
    })
}

#[cfg(test)]
mod tests {
    use assay_attest::Digest;
    use assay_platform::{
        Config,
        scan::{Component, Counts},
    };
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

    fn scanned(ago: Duration, outcome: ScanOutcome) -> Scan {
        Scan {
            id: Uuid::nil(),
            image: "trainer".into(),
            image_digest: Digest::of(b"image"),
            component: Component::Trainer,
            scanned_at: NOW - ago,
            trivy_version: None,
            database_updated_at: None,
            database_stale: false,
            outcome,
            counts: Counts::default(),
            vulnerabilities: Vec::new(),
            json: None,
            cyclonedx: None,
            link: None,
            reason: None,
        }
    }

    #[test]
    fn an_image_is_due_when_it_is_new_when_its_time_has_come_and_soon_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::in_dir(folder.path()).unwrap().scan;
        config.every = Duration::from_secs(3600);
        let due = |ago, outcome| is_due(&config, Some(&scanned(ago, outcome)), NOW);
        assert!(is_due(&config, None, NOW));
        let (just, minute, hour) = (1, 60, 3600);
        for (seconds, outcome, expected) in [
            (just, ScanOutcome::Clean, false),
            (minute, ScanOutcome::Clean, false),
            (hour, ScanOutcome::Clean, true),
            (hour - 1, ScanOutcome::Findings, false),
            (hour, ScanOutcome::Findings, true),
            (just, ScanOutcome::Failed, false),
            (minute, ScanOutcome::Failed, true),
        ] {
            let ago = Duration::from_secs(seconds);
            assert_eq!(due(ago, outcome), expected, "{seconds} s after {outcome:?}");
        }
    }
}
