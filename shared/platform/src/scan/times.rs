use std::time::Duration;

use time::OffsetDateTime;

use super::ScanConfig;

/// When scans of images were made, over all images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanTimes {
    /// When the newest scan was that succeeded, and how long that is ago by the database's clock.
    pub last_success: Option<(OffsetDateTime, Duration)>,
    /// Whether the newest scan of all failed.
    pub newest_failed: bool,
}

impl ScanTimes {
    /// What is wrong with them; `None` when the newest scan succeeded and is no older than `scan.max_age_hours`.
    pub fn trouble(&self, config: &ScanConfig) -> Option<String> {
        let Some((_, age)) = self.last_success else {
            return Some(if self.newest_failed {
                "no scan has succeeded; the scanner's log says why".to_owned()
            } else {
                "no image has been scanned yet".to_owned()
            });
        };
        if age > config.max_age {
            let (hours, most) = (age.as_secs() / 3600, config.max_age.as_secs() / 3600);
            return Some(format!(
                "stale: the newest scan that succeeded is {hours} hours old, more than scan.max_age_hours = {most}"
            ));
        }
        self.newest_failed
            .then(|| "the newest scan failed; the scanner's log says why".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn only_a_newest_scan_that_succeeded_lately_is_well() {
        let config = Config::in_dir("x").unwrap().scan;
        let times = |age: Option<Duration>, newest_failed| ScanTimes {
            last_success: age.map(|age| (OffsetDateTime::UNIX_EPOCH, age)),
            newest_failed,
        };
        let hour = Duration::from_secs(3600);
        let said = |times: ScanTimes| times.trouble(&config).unwrap_or_default();
        assert_eq!(said(times(Some(hour), false)), "");
        assert_eq!(said(times(Some(config.max_age), false)), "");
        assert!(said(times(Some(config.max_age + hour), false)).starts_with("stale"));
        assert!(said(times(Some(hour), true)).contains("newest scan failed"));
        assert!(said(times(None, true)).contains("no scan has succeeded"));
        assert!(said(times(None, false)).contains("yet"));
    }
}
