use std::ffi::OsStr;

use nvml_wrapper::{Device, Nvml, enum_wrappers::device::TemperatureSensor, error::NvmlError};

use super::Measured;

/// The graphics processors, as NVIDIA's management library shows them. The library comes with the driver and is loaded
/// when the worker starts; a machine without it is as good as any.
pub(crate) struct Gpus(Result<Nvml, String>);

impl std::fmt::Debug for Gpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Ok(_) => f.write_str("Gpus(loaded)"),
            Err(reason) => f.debug_tuple("Gpus").field(reason).finish(),
        }
    }
}

/// What one graphics processor did at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Bytes of memory in use.
    pub(super) memory_used: Option<u64>,
    /// Per cent of the time during which it computed.
    pub(super) utilisation: Option<u32>,
    /// Degrees Celsius.
    pub(super) temperature: Option<u32>,
}

impl Gpus {
    /// Loads the library of this file name or path.
    pub(crate) fn open(library: &str) -> Self {
        let nvml = Nvml::builder().lib_path(OsStr::new(library)).init();
        Self(nvml.map_err(|error| {
            format!("NVIDIA's management library ({library}) gives no answer: {error}")
        }))
    }

    /// How many there are, and why that cannot be told.
    pub(super) fn count(&self) -> Result<u32, String> {
        let nvml = self.0.as_ref().map_err(Clone::clone)?;
        nvml.device_count().map_err(|error| error.to_string())
    }

    /// What does not change while the driver is loaded.
    pub(super) fn constant(&self) -> Vec<(String, Measured)> {
        let count = match self.count() {
            Ok(count) => count,
            Err(reason) => return vec![("gpu-count".to_owned(), Measured::Unknown(reason))],
        };
        let mut all = vec![("gpu-count".to_owned(), Measured::Number(count.into()))];
        if let (Ok(nvml), 1..) = (&self.0, count) {
            let version = text(nvml.sys_driver_version());
            all.push(("gpu-driver-version".to_owned(), version));
        }
        for index in 0..count {
            let name = self.with(index, |gpu| gpu.name());
            let memory = self.with(index, |gpu| gpu.memory_info().map(|memory| memory.total));
            all.push((format!("gpu-{index}-name"), text(name)));
            let memory = memory.map_or_else(unknown, Measured::Number);
            all.push((format!("gpu-{index}-memory-total-bytes"), memory));
        }
        all
    }

    /// What each does now.
    pub(super) fn moments(&self) -> Vec<Moment> {
        let moment = |index| Moment {
            memory_used: self
                .with(index, |gpu| gpu.memory_info().map(|memory| memory.used))
                .ok(),
            utilisation: self
                .with(index, |gpu| gpu.utilization_rates().map(|rates| rates.gpu))
                .ok(),
            temperature: self
                .with(index, |gpu| gpu.temperature(TemperatureSensor::Gpu))
                .ok(),
        };
        (0..self.count().unwrap_or_default()).map(moment).collect()
    }

    /// The energy counters of all, in millijoules since the driver was loaded. The error says why there is none.
    pub(super) fn millijoules(&self) -> Result<u64, String> {
        match self.count()? {
            0 => Err("there is no graphics processor".to_owned()),
            count => (0..count)
                .map(|index| self.with(index, |gpu| gpu.total_energy_consumption()))
                .sum::<Result<u64, NvmlError>>()
                .map_err(|error| error.to_string()),
        }
    }

    fn with<T>(
        &self,
        index: u32,
        read: impl FnOnce(&Device<'_>) -> Result<T, NvmlError>,
    ) -> Result<T, NvmlError> {
        match &self.0 {
            Ok(nvml) => read(&nvml.device_by_index(index)?),
            Err(_) => Err(NvmlError::Uninitialized),
        }
    }
}

fn text(read: Result<String, NvmlError>) -> Measured {
    match read {
        Ok(text) if !text.trim().is_empty() => Measured::Text(text.trim().to_owned()),
        Ok(_) => Measured::Unknown("the driver gave an empty answer".to_owned()),
        Err(error) => unknown(error),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands where a function of an error is wanted"
)]
fn unknown(error: NvmlError) -> Measured {
    Measured::Unknown(error.to_string())
}

#[cfg(test)]
#[cfg(feature = "outside-tools")]
mod tests;
