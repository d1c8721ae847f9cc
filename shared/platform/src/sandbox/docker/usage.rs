//! What a container uses, sampled while it runs: after its end the engine knows nothing of it any more.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bollard::models::ContainerStatsResponse;
use tokio::time::sleep;

use super::engine::Engine;
use crate::sandbox::{Limits, Usage};

/// The first sample comes so soon after the start, each later one after twice the time.
const FIRST: Duration = Duration::from_millis(40);
/// The longest time between two samples.
const LONGEST: Duration = Duration::from_secs(1);

/// The samples of one run, as far as they matter: each of these only grows.
#[derive(Debug, Default)]
pub(super) struct Samples(Mutex<Seen>);

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    at: Option<Instant>,
    total: Duration,
    user: Option<Duration>,
    system: Option<Duration>,
    memory: Option<u64>,
}

impl Samples {
    /// Samples until the limit on processor time is passed, which it may never be.
    pub(super) async fn watch(&self, engine: &Engine, name: &str, limits: &Limits) {
        let mut pause = FIRST;
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
            if let Some(stats) = engine.stats(name).await {
                self.add(&stats);
            }
            if self.seen().total >= Duration::from_secs(limits.cpu_seconds) {
                return;
            }
        }
    }

    fn add(&self, stats: &ContainerStatsResponse) {
        let cpu = stats
            .cpu_stats
            .as_ref()
            .and_then(|cpu| cpu.cpu_usage.as_ref());
        let time = |nanoseconds: Option<u64>| nanoseconds.map(Duration::from_nanos);
        let memory = stats.memory_stats.as_ref();
        // Only the older control groups keep the peak; elsewhere it is the most that a sample saw.
        let memory = memory.and_then(|memory| memory.max_usage.or(memory.usage));
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(total) = cpu
            .and_then(|cpu| time(cpu.total_usage))
            .filter(|total| !total.is_zero())
        else {
            // A container that has just ended: the engine answers with zeros.
            return;
        };
        seen.at = Some(Instant::now());
        seen.total = seen.total.max(total);
        seen.user = seen
            .user
            .max(cpu.and_then(|cpu| time(cpu.usage_in_usermode)));
        seen.system = seen
            .system
            .max(cpu.and_then(|cpu| time(cpu.usage_in_kernelmode)));
        seen.memory = seen.memory.max(memory);
    }

    fn seen(&self) -> Seen {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the limit on processor time may have been reached by now, with `processors` busy since the last sample.
    pub(super) fn may_have_passed(
        &self,
        limits: &Limits,
        processors: u32,
        started: Instant,
    ) -> bool {
        let seen = self.seen();
        let since = seen.at.unwrap_or(started).elapsed();
        seen.total + since * processors >= Duration::from_secs(limits.cpu_seconds)
    }

    /// The usage, as of the last sample.
    pub(super) fn usage(&self, wall: Duration) -> Usage {
        let seen = self.seen();
        Usage {
            wall,
            cpu_user: seen.user,
            cpu_system: seen.system,
            max_rss_bytes: seen.memory,
        }
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerCpuStats, ContainerCpuUsage, ContainerMemoryStats};

    use super::*;

    fn stats(total: u64, memory: u64) -> ContainerStatsResponse {
        ContainerStatsResponse {
            cpu_stats: Some(ContainerCpuStats {
                cpu_usage: Some(ContainerCpuUsage {
                    total_usage: Some(total),
                    usage_in_usermode: Some(total),
                    ..ContainerCpuUsage::default()
                }),
                ..ContainerCpuStats::default()
            }),
            memory_stats: Some(ContainerMemoryStats {
                usage: Some(memory),
                ..ContainerMemoryStats::default()
            }),
            ..ContainerStatsResponse::default()
        }
    }

    #[test]
    fn the_most_counts_and_zeros_after_the_end_do_not() {
        let samples = Samples::default();
        assert_eq!(samples.usage(Duration::ZERO).cpu_user, None);
        samples.add(&stats(5_000_000_000, 700));
        samples.add(&stats(6_000_000_000, 300));
        samples.add(&stats(0, 0));
        let usage = samples.usage(Duration::from_secs(9));
        assert_eq!(usage.cpu_user, Some(Duration::from_secs(6)));
        assert_eq!(usage.max_rss_bytes, Some(700));
        let limits = |cpu_seconds| Limits {
            cpu_seconds,
            ..Limits::default()
        };
        assert!(samples.may_have_passed(&limits(6), 1, Instant::now()));
        assert!(!samples.may_have_passed(&limits(6000), 4, Instant::now()));
    }
}
