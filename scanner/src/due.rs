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
