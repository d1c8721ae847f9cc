//! Computes and trains a [`crate::spec::ModelSpec`] on the CPU.

mod rows;

pub use rows::{Labels, Rows};
