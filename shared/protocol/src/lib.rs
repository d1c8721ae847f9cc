//! What passes between the platform and the sealed room where a model is trained.
//!
//! The room is a folder: `in/` holds the four inputs under fixed names ([`room`]), `out/` receives the
//! outputs, and the trainer speaks one JSON object a line on its standard output ([`Event`]). This crate
//! is all that both sides share, so the trainer needs nothing else of the platform.

mod checkpoint;
mod device;
mod event;
mod fault;
mod framework;
mod limits;
mod request;
pub mod room;
mod text;

pub use checkpoint::CheckpointRule;
pub use device::Device;
pub use event::{
    DataSummary, EpochReport, Event, LayerSummary, LogLevel, ModelSummary, OutputFile, Task,
    TrainerInfo,
};
pub use fault::Fault;
pub use framework::Framework;
pub use limits::DataLimits;
pub use request::{AibomVersion, JobRequest, Metadata, Parameters};
pub use text::deceives;
