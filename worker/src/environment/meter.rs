use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use assay_attest::aibom::EnergyFacts;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    Measured,
    gpu::{Gpus, Moment},
    rapl::Rapl,
};

/// From one look at the counters to the next: far less than the minutes after which the smallest begins anew.
const LOOK: Duration = Duration::from_secs(2);

/// Reads counters of energy and load while a training runs, in a thread of its own.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Dropped to end the readings.
    stop: mpsc::Sender<()>,
    readings: JoinHandle<Reading>,
}

/// What was read between the start and the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Microjoules of all processor packages, and how many there are.
    pub(crate) cpu: Result<(u64, usize), String>,
    /// Millijoules of all graphics processors.
    pub(crate) gpu: Result<u64, String>,
    /// What the graphics processors did: names and values as in the record.
    pub(crate) load: Vec<(String, Measured)>,
    /// Jobs that this worker may run at the same time.
    pub(crate) slots: usize,
}

impl Meter {
    /// Begins to read; `rapl_root` is where the kernel shows the processors' counters.
    pub(crate) fn start(rapl_root: &Path, gpus: &Arc<Gpus>, slots: usize) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let (root, gpus) = (rapl_root.to_owned(), Arc::clone(gpus));
        let readings = spawn_blocking(move || {
            let mut counters = Counters::open(&root, gpus);
            while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK) {
                counters.look();
            }
            counters.look();
            counters.reading(slots)
        });
        Self { stop, readings }
    }

    /// Reads for the last time.
    pub(crate) async fn end(self) -> Reading {
        drop(self.stop);
        self.readings.await.unwrap_or_else(|error| {
            let reason = format!("the counters were not read to the end: {error}");
            Reading {
                cpu: Err(reason.clone()),
                gpu: Err(reason),
                load: Vec::new(),
                slots: 0,
            }
        })
    }
}

struct Counters {
    cpu: Result<Rapl, String>,
    gpus: Arc<Gpus>,
    gpu_before: Result<u64, String>,
    peaks: Vec<Peak>,
}

/// The most that was seen of one graphics processor, and the sum for the mean.
#[derive(Debug, Clone, Copy, Default)]
struct Peak {
    memory_used: Option<u64>,
    temperature: Option<u32>,
    utilisation: u64,
    looks: u64,
}

impl Counters {
    fn open(root: &Path, gpus: Arc<Gpus>) -> Self {
        let mut counters = Self {
            cpu: Rapl::open(root),
            gpu_before: gpus.millijoules(),
            peaks: Vec::new(),
            gpus,
        };
        counters.look_at_gpus();
        counters
    }

    fn look(&mut self) {
        if let Ok(rapl) = &mut self.cpu
            && let Err(reason) = rapl.sample()
        {
            self.cpu = Err(reason);
        }
        self.look_at_gpus();
    }

    fn look_at_gpus(&mut self) {
        let moments = self.gpus.moments();
        self.peaks.resize(moments.len(), Peak::default());
        for (peak, moment) in self.peaks.iter_mut().zip(moments) {
            peak.add(moment);
        }
    }

    fn reading(self, slots: usize) -> Reading {
        let gpu = self.gpu_before.and_then(|before| {
            let after = self.gpus.millijoules()?;
            let used = after.checked_sub(before);
            used.ok_or_else(|| "the counter began anew: the driver was loaded again".to_owned())
        });
        Reading {
            cpu: self.cpu.map(|rapl| (rapl.microjoules(), rapl.packages())),
            gpu,
            load: self
                .peaks
                .iter()
                .enumerate()
                .flat_map(Peak::facts)
                .collect(),
            slots,
        }
    }
}

impl Peak {
    fn add(&mut self, moment: Moment) {
        self.memory_used = self.memory_used.max(moment.memory_used);
        self.temperature = self.temperature.max(moment.temperature);
        if let Some(utilisation) = moment.utilisation {
            self.utilisation += u64::from(utilisation);
            self.looks += 1;
        }
    }

    fn facts((index, peak): (usize, &Self)) -> [(String, Measured); 3] {
        let measured = |value: Option<u64>| {
            value.map_or_else(
                || Measured::Unknown("the driver gave no answer".to_owned()),
                Measured::Number,
            )
        };
        let mean = peak.utilisation.checked_div(peak.looks);
        [
            (
                format!("gpu-{index}-memory-peak-bytes"),
                measured(peak.memory_used),
            ),
            (
                format!("gpu-{index}-utilisation-mean-percent"),
                measured(mean),
            ),
            (
                format!("gpu-{index}-temperature-peak-celsius"),
                measured(peak.temperature.map(u64::from)),
            ),
        ]
    }
}

impl Reading {
    /// What the counters cover: more than the one job.
    fn scope(&self) -> String {
        let mut scope =
            "what the counters of the whole machine grew by while the training ran".to_owned();
        if let Ok((_, packages)) = self.cpu {
            scope.push_str(&format!("; {packages} processor package(s)"));
        }
        if self.gpu.is_ok() {
            scope.push_str("; all graphics processors");
        }
        if self.slots > 1 {
            let others = self.slots - 1;
            scope.push_str(&format!("; up to {others} other job(s) had a share in it"));
        }
        scope
    }

    /// For the link and the AIBoM's list.
    pub(crate) fn facts(&self) -> Vec<(String, Measured)> {
        let measured = |read: Result<u64, &String>| match read {
            Ok(energy) => Measured::Number(energy),
            Err(reason) => Measured::Unknown(reason.clone()),
        };
        let mut all = self.load.clone();
        let cpu = self.cpu.as_ref().map(|(energy, _)| *energy);
        let gpu = self.gpu.as_ref().copied();
        all.push(("energy-cpu-microjoules".to_owned(), measured(cpu)));
        all.push(("energy-gpu-millijoules".to_owned(), measured(gpu)));
        if self.energy().is_some() {
            all.push(("energy-scope".to_owned(), Measured::Text(self.scope())));
        }
        all
    }

    /// For the AIBoM's energy consumption; `None` when nothing was measured.
    pub(crate) fn energy(&self) -> Option<EnergyFacts> {
        let cpu = self.cpu.as_ref().ok().map(|(energy, _)| *energy);
        let gpu = self.gpu.as_ref().ok().copied();
        (cpu.is_some() || gpu.is_some()).then(|| EnergyFacts {
            cpu_microjoules: cpu,
            gpu_millijoules: gpu,
            scope: self.scope(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::rapl::tests::package;

    fn no_gpus() -> Arc<Gpus> {
        Arc::new(Gpus::open("/no/such/library.so"))
    }

    #[tokio::test]
    async fn energy_is_what_the_counters_grew_by() {
        let root = tempfile::tempdir().unwrap();
        package(root.path(), 0, 1_000, 10_000);
        let mut counters = Counters::open(root.path(), no_gpus());
        package(root.path(), 0, 4_000, 10_000);
        counters.look();
        let reading = counters.reading(2);
        assert_eq!(reading.cpu, Ok((3_000, 1)));
        let energy = reading.energy().unwrap();
        assert_eq!(energy.cpu_microjoules, Some(3_000));
        assert_eq!(energy.gpu_millijoules, None);
        assert!(energy.scope.contains("1 other job"), "{energy:?}");
    }

    #[tokio::test]
    async fn without_counters_there_is_a_reason_and_no_figure() {
        let root = tempfile::tempdir().unwrap();
        let reading = Meter::start(root.path(), &no_gpus(), 1).end().await;
        assert_eq!(reading.energy(), None);
        for (name, value) in reading.facts() {
            assert!(matches!(value, Measured::Unknown(_)), "{name}");
        }
    }
}
