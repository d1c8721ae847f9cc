//! When an image is to be scanned again.

use std::time::Duration;

use assay_platform::scan::{ScanBrief, ScanConfig, ScanOutcome};
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
pub(crate) fn is_due(config: &ScanConfig, newest: Option<&ScanBrief>, now: OffsetDateTime) -> bool {
    newest.is_none_or(|scan| {
        now - scan.scanned_at >= pause(config, scan.outcome == ScanOutcome::Failed)
    })
}

#[cfg(test)]
mod tests {
    use assay_platform::Config;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

    fn scanned(ago: Duration, outcome: ScanOutcome) -> ScanBrief {
        ScanBrief {
            id: uuid::Uuid::nil(),
            outcome,
            scanned_at: NOW - ago,
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
