//! Data sets in: a definition and a file become rows of 32-bit floats and labels.
//!
//! [`Definition::parse`] reads the YAML, [`Target::of`] says what the model's loss wants, [`Loaded::read`]
//! reads and checks the whole file, and [`Loaded::prepare`] fits the preprocessing to the training split.
//! Everything here reads bytes of strangers: limits stand before allocations, and every fault says where.

mod csv;
mod dataset;
mod definition;
mod image;
mod preprocess;
mod target;
mod tfrecord;
mod zip;

pub use dataset::{Dataset, Description, Loaded};
pub use definition::{ColumnType, Definition, Dtype, Feature, Kind, Preprocessing};
pub use target::Target;
