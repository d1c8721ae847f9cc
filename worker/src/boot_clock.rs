use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// A moment on a clock that nobody sets and that goes on while the machine is suspended.
///
/// A lease ends by the database's clock, which does not wait for a laptop with a closed lid. [`Instant`] does: on Linux it
/// stands still during suspend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BootInstant(Duration);

impl BootInstant {
    pub(crate) fn now() -> Self {
        Self(uptime().unwrap_or_else(since_start))
    }

    /// The moment so much later.
    pub(crate) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long it is until then; zero when it is past.
    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_sub(Self::now().0)
    }

    pub(crate) fn is_past(self) -> bool {
        self.remaining().is_zero()
    }
}

/// Time since the machine started, suspend included, to a hundredth of a second (Linux, proc(5)).
fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Where there is no such file: the time since this was first asked for, without suspend.
fn since_start() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_pass() {
        let now = BootInstant::now();
        assert!(now.is_past());
        let later = now.after(Duration::from_secs(3600));
        assert!(!later.is_past() && later.remaining() <= Duration::from_secs(3600));
        assert!(later > now);
    }
}
