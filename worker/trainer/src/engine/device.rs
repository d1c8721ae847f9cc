//! Where the arithmetic is done.

use assay_protocol::{self as protocol, Fault};

/// A device to compute on.
#[derive(Debug, Clone)]
pub enum Device {
    /// The processor, with this crate's own layers.
    Cpu,
    /// candle's own operations on one of its devices.
    #[cfg(any(test, feature = "cuda"))]
    Candle(candle_core::Device),
}

impl Device {
    /// The device that a job asks for; `auto` takes a GPU where this program and the machine have one.
    ///
    /// # Errors
    /// As [`Device::cuda`], if the job insists on it.
    pub fn of(asked: protocol::Device) -> Result<Self, Fault> {
        match asked {
            protocol::Device::Cpu => Ok(Self::Cpu),
            protocol::Device::Cuda => Self::cuda(),
            protocol::Device::Auto => Ok(Self::cuda().unwrap_or(Self::Cpu)),
        }
    }

    /// The first CUDA device.
    ///
    /// # Errors
    /// `trainer.device` when this trainer was built without CUDA, or the machine gives no device.
    pub fn cuda() -> Result<Self, Fault> {
        #[cfg(feature = "cuda")]
        {
            candle_core::Device::new_cuda(0)
                .map(Self::Candle)
                .map_err(|error| unavailable(&error.to_string()))
        }
        #[cfg(not(feature = "cuda"))]
        {
            Err(unavailable("this trainer was built without CUDA"))
        }
    }

    /// The class of machines within which a run repeats, as the proof names it. Sums on a GPU are taken in no fixed
    /// order, so that there two runs agree to a tolerance only.
    pub fn arithmetic(&self) -> String {
        match self {
            Self::Cpu => super::arithmetic(),
            #[cfg(any(test, feature = "cuda"))]
            Self::Candle(_) => "cuda/f32".to_owned(),
        }
    }

    pub(super) fn accelerator(&self) -> Result<Option<candle_core::Device>, Fault> {
        match self {
            Self::Cpu => Ok(None),
            #[cfg(any(test, feature = "cuda"))]
            Self::Candle(device) => Ok(Some(device.clone())),
        }
    }
}

fn unavailable(reason: &str) -> Fault {
    Fault::without_field(
        "trainer.device",
        format!("the job asks for a GPU, which cannot be had: {reason}"),
    )
}
