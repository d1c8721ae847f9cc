use std::time::Duration;

use assay_platform::backoff::Backoff;

/// Between a job that broke down here and the next one that is taken.
const BREATHER: Backoff = Backoff {
    least: Duration::from_secs(1),
    most: Duration::from_secs(60),
};

/// Keeps a slot whose machine or servers are out of order from going through the whole queue, where each job would lose an
/// attempt that another worker might have ended well.
#[derive(Debug, Default)]
pub(crate) struct Breather {
    /// Jobs in a row that broke down.
    failures: u32,
}

impl Breather {
    /// Takes in how an attempt ended; gives how long to wait before the next.
    pub(crate) fn after(&mut self, broke_down: bool) -> Option<Duration> {
        if !broke_down {
            self.failures = 0;
            return None;
        }
        let pause = BREATHER.after(self.failures);
        self.failures = self.failures.saturating_add(1);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_in_a_row_waits_longer_and_a_good_end_ends_the_row() {
        let mut breather = Breather::default();
        assert_eq!(breather.after(false), None);
        let first = breather.after(true).unwrap();
        assert!(first <= BREATHER.least, "{first:?}");
        for _ in 0..10 {
            breather.after(true);
        }
        let late = breather.after(true).unwrap();
        assert!(late >= BREATHER.most / 2, "{late:?}");
        assert_eq!(breather.after(false), None);
        assert!(breather.after(true).unwrap() <= BREATHER.least);
    }
}
