//! Waiting longer each time, and not everybody at once.

use std::time::Duration;

use uuid::Uuid;

/// Doublings after which the wait grows no more, whatever its limit.
const MOST_DOUBLINGS: u32 = 20;

/// Exponential backoff with jitter.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first wait.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl Backoff {
    /// The wait after so many failures in a row (0: the first failed): doubled each time up to the longest, of which a
    /// random half is left away, so that those who failed together do not come back together.
    pub fn after(self, failures: u32) -> Duration {
        let factor = 1_u32 << failures.min(MOST_DOUBLINGS);
        jittered(self.least.saturating_mul(factor).min(self.most))
    }
}

/// A random span between half of this one and all of it.
pub(crate) fn jittered(span: Duration) -> Duration {
    // 32 of a random UUID's bits that are neither its version nor its variant.
    let (random, ..) = Uuid::new_v4().as_fields();
    let share = 0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX);
    span.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_limit_and_never_beyond() {
        let backoff = Backoff {
            least: Duration::from_millis(100),
            most: Duration::from_secs(5),
        };
        for (failures, whole) in [(0, 100), (1, 200), (5, 3200), (6, 5000), (u32::MAX, 5000)] {
            let whole = Duration::from_millis(whole);
            for _ in 0..50 {
                let wait = backoff.after(failures);
                assert!(wait >= whole / 2 && wait <= whole, "{failures}: {wait:?}");
            }
        }
    }
}
