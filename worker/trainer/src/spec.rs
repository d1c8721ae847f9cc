//! A model as plain data: what [`crate::archive`] reads from a Keras archive and [`crate::engine`] computes.
//!
//! Shapes are those of one row, without the batch, in Keras' channels-last order.

mod compile;
mod layers;

pub use compile::{
    Clip, CompileSpec, Loss, Metric, MetricKind, Optimizer, OptimizerRule, OptimizerState,
};
pub use layers::{Activation, LayerKind, Padding};

/// A dense array of 32-bit floats in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Lengths of the axes; empty for a scalar.
    pub shape: Vec<usize>,
    /// The numbers, as many as the product of `shape`.
    pub data: Vec<f32>,
}

/// A Keras model with one input and one output.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// The model's name.
    pub name: String,
    /// Sequential or Functional.
    pub class: ModelClass,
    /// Layers so ordered that every layer comes after its inputs; the first is the [`LayerKind::Input`].
    pub layers: Vec<LayerSpec>,
    /// Index into `layers` of the model's output.
    pub output: usize,
    /// Optimizer, loss and metrics.
    pub compile: CompileSpec,
    /// Version of Keras that wrote the archive, if it says.
    pub keras_version: Option<String>,
}

/// How the model was made in Keras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelClass {
    /// A chain of layers.
    Sequential,
    /// A graph of layers.
    Functional,
}

/// One layer, its place in the graph and its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSpec {
    /// The layer's name in `config.json`.
    pub name: String,
    /// The Keras class, as `Dense`.
    pub class: String,
    /// What it computes.
    pub kind: LayerKind,
    /// Indices of the layers whose outputs it takes, in order.
    pub inputs: Vec<usize>,
    /// Keras' `trainable` flag.
    pub trainable: bool,
    /// Shape of one output row.
    pub output_shape: Vec<usize>,
    /// Its weights, in the order of Keras' `vars`.
    pub weights: Vec<WeightSpec>,
}

/// One weight of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightSpec {
    /// Keras' name: `kernel`, `bias`, `gamma`, `moving_mean`, …
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether a gradient step changes it (false for running statistics and frozen layers).
    pub trainable: bool,
}

/// The numbers of every layer: `layers[i][j]` is weight `j` of layer `i` of the [`ModelSpec`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    /// One list a layer, one array a weight.
    pub layers: Vec<Vec<Array>>,
}
