use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::bail;

use crate::{
    deployment::Deployment,
    options::Options,
    phase::{Entered, Phase},
    random::Random,
    say::say,
    strike::{Histogram, Plan, strike},
};

/// How long a strike waits for a job in its phase before another one has its turn.
const WAIT: Duration = Duration::from_secs(60);
/// The longest that a strike waits within a phase.
const LONGEST: Duration = Duration::from_secs(2);
/// Between two strikes, at most.
const BREATHER: Duration = Duration::from_millis(1200);

/// Strikes in random order at random moments, each in its phase, until each has landed.
pub(crate) struct Conductor<'a> {
    pub(crate) options: &'a Options,
    pub(crate) random: Random,
    /// What workers say of their phases.
    pub(crate) phases: Receiver<Entered>,
    /// When to give up.
    pub(crate) end: Instant,
    /// The phase that each worker is in, and since when.
    pub(crate) now: BTreeMap<usize, (Phase, Instant)>,
    /// How long each phase took when it last came to its end.
    pub(crate) typical: BTreeMap<Phase, Duration>,
}

impl Conductor<'_> {
    /// Carries out the plans.
    pub(crate) fn run(
        &mut self,
        on: &mut Deployment,
        mut plans: Vec<Plan>,
    ) -> anyhow::Result<Histogram> {
        let mut landed = Histogram::new();
        let all = plans.len();
        let mut done = 0;
        while let Some(plan) = plans.pop() {
            if Instant::now() > self.end {
                bail!(
                    "{} strikes were left when the time was over",
                    plans.len() + 1
                );
            }
            let Some(entered) = self.wait_for(plan.phase) else {
                plans.insert(0, plan);
                continue;
            };
            let Some(phase) = entered.phase else { continue };
            let typical = self.typical.get(&phase).copied().unwrap_or_default();
            let left = typical.saturating_sub(entered.at.elapsed());
            sleep(self.random.up_to(left.min(LONGEST)));
            let met = strike(
                on,
                self.options,
                plan,
                entered.worker,
                phase,
                &mut self.random,
            )?;
            if let Some(met) = met {
                *landed.entry((plan.kind, met)).or_default() += 1;
            }
            if met.is_none() || plan.phase.is_some_and(|wanted| met != Some(wanted)) {
                // It came too early or too late: once more, at another time.
                let at = self.random.below(plans.len() + 1);
                plans.insert(at, plan);
            } else {
                done += 1;
                say(format!(
                    "strike {done} of {all}: {} in {} of job {}",
                    plan.kind.as_str(),
                    phase.as_str(),
                    entered.job
                ));
            }
            sleep(self.random.up_to(BREATHER));
        }
        Ok(landed)
    }

    /// Waits until a worker enters this phase (any, if `None`).
    fn wait_for(&mut self, wanted: Option<Phase>) -> Option<Entered> {
        // What was said before is over.
        while let Ok(entered) = self.phases.try_recv() {
            self.note(&entered);
        }
        let until = Instant::now() + WAIT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.phases.recv_timeout(left) {
                Ok(entered) => {
                    self.note(&entered);
                    if entered
                        .phase
                        .is_some_and(|phase| wanted.is_none_or(|one| one == phase))
                    {
                        return Some(entered);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    say(format!(
                        "no job came into {} for {} s",
                        wanted.map_or("any phase", Phase::as_str),
                        WAIT.as_secs()
                    ));
                    return None;
                }
            }
        }
    }

    fn note(&mut self, entered: &Entered) {
        let before = match entered.phase {
            Some(phase) => self.now.insert(entered.worker, (phase, entered.at)),
            None => self.now.remove(&entered.worker),
        };
        if let Some((phase, since)) = before {
            self.typical.insert(phase, entered.at.duration_since(since));
        }
    }
}
