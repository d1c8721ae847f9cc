//! How a model is trained: optimizer, loss and metrics, and what an optimizer remembers.

use super::Array;

/// Optimizer, loss and metrics of `Model.compile`.
#[derive(Debug, Clone, PartialEq)]
pub struct CompileSpec {
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The loss.
    pub loss: Loss,
    /// Metrics besides the loss, under Keras' names.
    pub metrics: Vec<Metric>,
}

/// An optimizer with every setting; the numbers are Keras' defaults unless the archive says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    /// The rule.
    pub rule: OptimizerRule,
    /// Learning rate.
    pub learning_rate: f32,
    /// Decoupled weight decay (Keras' `weight_decay`), if any.
    pub weight_decay: Option<f32>,
    /// Keras' `clipnorm`, `clipvalue`, `global_clipnorm`.
    pub clip: Option<Clip>,
}

/// The rule of an optimizer.
#[derive(Debug, Clone, PartialEq)]
pub enum OptimizerRule {
    /// Gradient descent.
    Sgd {
        /// 0 for none.
        momentum: f32,
        /// Nesterov's form of momentum.
        nesterov: bool,
    },
    /// Epsilon stands outside the bias correction, as in Keras.
    Adam {
        /// Decay of the first moment.
        beta_1: f32,
        /// Decay of the second moment.
        beta_2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
        /// Keeps the largest second moment.
        amsgrad: bool,
    },
    /// As Adam; the decay stands in [`Optimizer::weight_decay`].
    AdamW {
        /// Decay of the first moment.
        beta_1: f32,
        /// Decay of the second moment.
        beta_2: f32,
        /// Added to the root of the second moment.
        epsilon: f32,
        /// Keeps the largest second moment.
        amsgrad: bool,
    },
    /// Root mean square propagation.
    RmsProp {
        /// Decay of the mean square.
        rho: f32,
        /// 0 for none.
        momentum: f32,
        /// Added to the mean square before the root is taken.
        epsilon: f32,
        /// Subtracts the square of the mean gradient.
        centered: bool,
    },
}

/// Gradient clipping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clip {
    /// Each gradient to a norm.
    Norm(f32),
    /// Each number to a range.
    Value(f32),
    /// All gradients together to a norm.
    GlobalNorm(f32),
}

/// A loss, averaged over the batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Mean of squared differences.
    MeanSquaredError,
    /// Mean of absolute differences.
    MeanAbsoluteError,
    /// Squared up to `delta`, linear beyond.
    Huber {
        /// 1 by default.
        delta: f32,
    },
    /// Labels are 0 or 1.
    BinaryCrossentropy {
        /// Whether the output is before the sigmoid.
        from_logits: bool,
        /// Pulls labels towards 0.5.
        label_smoothing: f32,
    },
    /// Labels are one-hot rows.
    CategoricalCrossentropy {
        /// Whether the output is before the softmax.
        from_logits: bool,
        /// Pulls labels towards `1 / classes`.
        label_smoothing: f32,
    },
    /// Labels are class numbers.
    SparseCategoricalCrossentropy {
        /// Whether the output is before the softmax.
        from_logits: bool,
    },
}

/// A metric under the name that Keras' history gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// `accuracy`, `mae`, …
    pub name: String,
    /// What it measures.
    pub kind: MetricKind,
}

/// What a metric measures. `accuracy` is resolved to one of the three by the loss and output shape, as Keras does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    /// How often output and label lie on the same side.
    BinaryAccuracy {
        /// An output above it counts as 1.
        threshold: f32,
    },
    /// How often the largest output is the label's (one-hot).
    CategoricalAccuracy,
    /// How often the largest output is the label's (a class number).
    SparseCategoricalAccuracy,
    /// Mean of absolute differences.
    MeanAbsoluteError,
    /// Mean of squared differences.
    MeanSquaredError,
    /// Keras' default: 200 thresholds, ROC, interpolation.
    Auc,
}

/// What an optimizer remembers, in the order of Keras' `optimizer/vars`.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerState {
    /// Steps taken.
    pub iterations: i64,
    /// The learning rate variable.
    pub learning_rate: f32,
    /// The arrays after these two, in the order that [`crate::archive::slot_shapes`] gives.
    pub slots: Vec<Array>,
}
