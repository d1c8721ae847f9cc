use serde::{Deserialize, Serialize};

use crate::Fault;

/// Where a job asks to be trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// On whatever the worker has that takes it: a GPU where there is one, else the processor.
    #[default]
    Auto,
    /// On the processor: the same bytes on every machine of one class.
    Cpu,
    /// On an NVIDIA GPU; a machine without one never gets the job.
    Cuda,
}

impl Device {
    /// The device of a form field's value.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            other => Err(Fault::of(
                "device",
                "parameters.device",
                format!("device {other:?} is not known; use \"auto\", \"cpu\" or \"cuda\""),
            )),
        }
    }

    /// Whether nothing was asked. Such a job's parameters do not name a device.
    pub(crate) fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}
