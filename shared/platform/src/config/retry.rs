use std::time::Duration;

use serde::Deserialize;

use super::seconds;
use crate::backoff::Backoff;

/// The `[retry]` part of the configuration: how long a job waits after the platform failed it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// The wait after the first failure; each further one waits twice as long.
    #[serde(rename = "first_seconds", deserialize_with = "seconds")]
    pub first: Duration,
    /// The longest wait.
    #[serde(rename = "longest_seconds", deserialize_with = "seconds")]
    pub longest: Duration,
}

impl RetryConfig {
    /// The wait after so many failures before this one, with a random half left away.
    pub fn after(&self, failures: u32) -> Duration {
        let backoff = Backoff {
            least: self.first,
            most: self.longest,
        };
        backoff.after(failures)
    }
}
