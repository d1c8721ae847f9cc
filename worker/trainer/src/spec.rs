//! A model as plain data: what [`crate::archive`] reads from a Keras archive and [`crate::engine`] computes.
//!
//! Shapes are those of one row, without the batch, in Keras' channels-last order.

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

/// What a layer computes.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerKind {
    /// The model's input.
    Input,
    /// `activation(x · kernel + bias)`; kernel `[in, units]`.
    Dense {
        /// Length of the output's last axis.
        units: usize,
        /// Whether a bias `[units]` is added.
        use_bias: bool,
        /// What follows.
        activation: Activation,
    },
    /// 2-D convolution; kernel `[kh, kw, in, filters]`.
    Conv2d {
        /// Channels of the output.
        filters: usize,
        /// Rows and columns of the kernel.
        kernel: [usize; 2],
        /// Steps down and right.
        strides: [usize; 2],
        /// Zeros around the input.
        padding: Padding,
        /// Distance of the kernel's taps; above 1 only with strides of 1.
        dilation: [usize; 2],
        /// Whether a bias `[filters]` is added.
        use_bias: bool,
        /// What follows.
        activation: Activation,
    },
    /// Depthwise 2-D convolution; kernel `[kh, kw, in, multiplier]`.
    DepthwiseConv2d {
        /// Rows and columns of the kernel.
        kernel: [usize; 2],
        /// Steps down and right.
        strides: [usize; 2],
        /// Zeros around the input.
        padding: Padding,
        /// Distance of the kernel's taps; above 1 only with strides of 1.
        dilation: [usize; 2],
        /// Output channels for each input channel; those of one input channel stand together.
        multiplier: usize,
        /// Whether a bias `[in · multiplier]` is added.
        use_bias: bool,
        /// What follows.
        activation: Activation,
    },
    /// Largest of each window.
    MaxPooling2d {
        /// Rows and columns of the window.
        pool: [usize; 2],
        /// Steps down and right.
        strides: [usize; 2],
        /// Zeros around the input.
        padding: Padding,
    },
    /// Mean of each window, padding left out of the count.
    AveragePooling2d {
        /// Rows and columns of the window.
        pool: [usize; 2],
        /// Steps down and right.
        strides: [usize; 2],
        /// Zeros around the input.
        padding: Padding,
    },
    /// Mean over height and width.
    GlobalAveragePooling2d {
        /// Whether the output is `[1, 1, channels]` rather than `[channels]`.
        keepdims: bool,
    },
    /// Maximum over height and width.
    GlobalMaxPooling2d {
        /// Whether the output is `[1, 1, channels]` rather than `[channels]`.
        keepdims: bool,
    },
    /// One axis.
    Flatten,
    /// The layer's output shape, same numbers.
    Reshape,
    /// In training each number is zeroed with probability `rate`, the others divided by `1 - rate`.
    Dropout {
        /// From 0 up to, but not including, 1.
        rate: f32,
    },
    /// Weights in Keras' order: gamma (if `scale`), beta (if `center`), `moving_mean`, `moving_variance`. A layer that
    /// is not trainable uses the moving statistics in training, too, and leaves them as they are.
    BatchNormalization {
        /// The axis that is kept (of one row, so 0 is the first axis after the batch).
        axis: usize,
        /// Weight of the old moving statistics at each step.
        momentum: f32,
        /// Added to the variance.
        epsilon: f32,
        /// Whether there is a beta.
        center: bool,
        /// Whether there is a gamma.
        scale: bool,
    },
    /// Over the last axis. Weights: gamma (if `scale`), beta (if `center`).
    LayerNormalization {
        /// Added to the variance.
        epsilon: f32,
        /// Whether there is a beta.
        center: bool,
        /// Whether there is a gamma.
        scale: bool,
    },
    /// Rows of a table `[input_dim, output_dim]`.
    Embedding {
        /// Rows of the table; inputs are whole numbers below it.
        input_dim: usize,
        /// Length of a row.
        output_dim: usize,
    },
    /// An activation as a layer of its own.
    Activation(Activation),
    /// Sum of its inputs.
    Add,
    /// Product of its inputs.
    Multiply,
    /// Its inputs joined along `axis` (of one row, so 0 is the first axis after the batch).
    Concatenate {
        /// Of one row.
        axis: usize,
    },
    /// `x · scale + offset`.
    Rescaling {
        /// Factor.
        scale: f32,
        /// Added afterwards.
        offset: f32,
    },
    /// Zeros around height and width: `[[top, bottom], [left, right]]`.
    ZeroPadding2d {
        /// Rows above and below, columns left and right.
        padding: [[usize; 2]; 2],
    },
}

/// Keras' two paddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// None.
    Valid,
    /// So much that the output has `ceil(input / stride)` rows; the odd one goes to the bottom and right.
    Same,
}

/// An activation function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// None.
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0, `negative_slope · x` below.
    LeakyRelu {
        /// 0.2 by default as an activation argument, 0.3 as a layer.
        negative_slope: f32,
    },
    /// `x` above 0, `alpha · (exp(x) - 1)` below.
    Elu {
        /// 1 by default.
        alpha: f32,
    },
    /// `x · Φ(x)`.
    Gelu {
        /// The tanh form instead of the exact one (erf).
        approximate: bool,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// Over the last axis.
    Softmax,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x · sigmoid(x)`; Keras' `swish` and `silu`.
    Swish,
}

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
