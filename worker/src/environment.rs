//! The machine that trains: what it is, what it did meanwhile, and what could not be measured, with the reason.

mod gpu;
mod instructions;
mod meter;
mod rapl;

use std::{path::Path, sync::Arc};

use assay_attest::aibom;
use serde_json::{Value, json};
use sysinfo::{CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, RefreshKind, System};

pub(crate) use gpu::Gpus;
pub(crate) use meter::{Meter, Reading};

/// Something about the machine, or why it could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Measured {
    Text(String),
    Number(u64),
    Unknown(String),
}

impl Measured {
    /// The form that links carry: a string, an integer, or `{"unknown": reason}`.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Unknown(reason) => json!({ "unknown": reason }),
        }
    }

    /// The form that AIBoMs carry: text, or the reason.
    pub(crate) fn to_fact(&self) -> aibom::Measured {
        match self {
            Self::Text(text) => aibom::Measured::Value(text.clone()),
            Self::Number(number) => aibom::Measured::Value(number.to_string()),
            Self::Unknown(reason) => aibom::Measured::Unknown {
                reason: reason.clone(),
            },
        }
    }

    fn text(read: Result<String, sysinfo::Error>) -> Self {
        match read {
            Ok(text) if !text.trim().is_empty() => Self::Text(text.trim().to_owned()),
            Ok(_) => Self::Unknown("the system gave an empty answer".to_owned()),
            Err(error) => Self::Unknown(error.to_string()),
        }
    }

    /// Zero stands for "not read" in what the system library returns.
    fn positive(number: u64) -> Self {
        match number {
            0 => Self::Unknown("the system gave no answer".to_owned()),
            number => Self::Number(number),
        }
    }
}

/// The machine that trains, by the names that links and AIBoMs use. Sizes are in bytes.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    constant: Vec<(String, Measured)>,
    pub(crate) gpus: Arc<Gpus>,
}

impl Machine {
    /// Measures what does not change while the process lives; `nvml` is NVIDIA's management library.
    pub(crate) fn measure(nvml: &str) -> Self {
        let gpus = Gpus::open(nvml);
        let mut constant: Vec<_> = processors()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        constant.extend(gpus.constant());
        Self {
            constant,
            gpus: Arc::new(gpus),
        }
    }

    /// What does not change, and the disk under `folder` as it is now.
    pub(crate) fn now(&self, folder: &Path) -> Vec<(String, Measured)> {
        let mut all = self.constant.clone();
        let (total, free) = disk(folder);
        all.push(("disk-total-bytes".to_owned(), total));
        all.push(("disk-available-bytes".to_owned(), free));
        all
    }
}

/// System, processors and memory.
fn processors() -> Vec<(&'static str, Measured)> {
    let mut constant = vec![
        ("os-name", Measured::text(System::name())),
        ("os-version", Measured::text(System::os_version())),
        ("kernel-version", Measured::text(System::kernel_version())),
        ("cpu-architecture", Measured::text(Ok(System::cpu_arch()))),
    ];
    let parts = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::nothing().with_ram());
    match System::new_with_specifics(parts) {
        Ok(system) => {
            let brand = system.cpus().first().map(|cpu| cpu.brand().to_owned());
            constant.push(("cpu-model", Measured::text(Ok(brand.unwrap_or_default()))));
            constant.push((
                "cpu-logical-cores",
                Measured::positive(system.cpus().len() as u64),
            ));
            constant.push((
                "memory-total-bytes",
                Measured::positive(system.total_memory()),
            ));
        }
        Err(error) => {
            for name in ["cpu-model", "cpu-logical-cores", "memory-total-bytes"] {
                constant.push((name, Measured::Unknown(error.to_string())));
            }
        }
    }
    let cores = match System::physical_core_count() {
        Ok(cores) => Measured::positive(cores as u64),
        Err(error) => Measured::Unknown(error.to_string()),
    };
    constant.push(("cpu-physical-cores", cores));
    constant.push(("cpu-features", Measured::text(Ok(instructions::names()))));
    constant
}

/// The file system that holds `folder`: the one with the longest mount point above it.
fn disk(folder: &Path) -> (Measured, Measured) {
    let unknown = |reason: String| (Measured::Unknown(reason.clone()), Measured::Unknown(reason));
    let folder = match folder.canonicalize() {
        Ok(folder) => folder,
        Err(error) => return unknown(error.to_string()),
    };
    let sizes = DiskRefreshKind::nothing().with_storage();
    let disks = match Disks::new_with_refreshed_list_specifics(sizes) {
        Ok(disks) => disks,
        Err(error) => return unknown(error.to_string()),
    };
    let holds = disks
        .iter()
        .filter(|disk| folder.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len());
    match holds {
        Some(disk) => (
            Measured::positive(disk.total_space()),
            Measured::Number(disk.available_space()),
        ),
        None => unknown("the file system is not in the system's list of disks".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_measured_or_says_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::measure("/no/such/library.so");
        let all = machine.now(folder.path());
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        for expected in [
            "os-name",
            "kernel-version",
            "cpu-model",
            "cpu-logical-cores",
            "cpu-features",
            "gpu-count",
        ] {
            assert!(names.contains(&expected), "{names:?}");
        }
        for (name, value) in &all {
            match value {
                Measured::Text(text) | Measured::Unknown(text) => {
                    assert!(!text.is_empty(), "{name}");
                }
                Measured::Number(_) => {}
            }
        }
        let cores = all.iter().find(|(name, _)| name == "cpu-logical-cores");
        assert!(
            matches!(cores, Some((_, Measured::Number(1..)))),
            "{cores:?}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_unknown_with_its_reason() {
        let (total, free) = disk(Path::new("/no such folder/anywhere"));
        assert!(matches!(total, Measured::Unknown(_)));
        let reason = free.to_json();
        assert!(
            reason["unknown"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{reason}"
        );
    }
}
