//! Computes and trains a [`crate::spec::ModelSpec`] on the CPU, or on a GPU.
//!
//! candle is the tensor library: values, weights and gradients are its tensors, and products run on its
//! matrix kernels. Around it stand layers with gradients of their own (`layers`), Keras' losses, metrics and
//! optimizers, and [`train`], which does what Keras' `fit` does. Every sum is taken in an order that depends on
//! shapes alone and every random choice comes from one seed ([`random`]), so two runs of one program on one
//! class of machine ([`arithmetic()`]) give the same bits, whatever the number of threads.

mod accelerator;
mod arithmetic;
mod auc;
mod batches;
mod clip;
pub mod device;
mod error;
mod fit;
mod flush_to_zero;
mod graph;
mod history;
mod layers;
mod losses;
mod math;
mod metrics;
mod model;
mod optimizer;
mod product;
pub mod random;
mod rows;
mod targets;
mod tensor;
mod weights;

pub use arithmetic::arithmetic;
pub use fit::{Epoch, Resume, train};
pub use history::History;
pub use model::Engine;
pub use random::{Split, split};
pub use rows::{Labels, Rows};

#[cfg(test)]
mod tests;
