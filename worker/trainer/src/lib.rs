//! The trainer: the only program that opens a user's model.
//!
//! It reads one folder, writes one folder and prints one JSON object a line ([`assay_protocol::Event`]).
//! The straight way: [`run`] → [`data`] reads the data set → [`archive`] reads the model → [`engine`]
//! trains → [`archive`] writes the outputs. No network code, no keys.

pub mod archive;
pub mod checkpoint;
pub mod data;
pub mod engine;
pub mod run;
pub mod spec;
