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
        units: usize,
        use_bias: bool,
        activation: Activation,
    },
    /// 2-D convolution; kernel `[kh, kw, in, filters]`.
    Conv2d {
        filters: usize,
        kernel: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
        dilation: [usize; 2],
        use_bias: bool,
        activation: Activation,
    },
    /// Depthwise 2-D convolution; kernel `[kh, kw, in, multiplier]`.
    DepthwiseConv2d {
        kernel: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
        dilation: [usize; 2],
        multiplier: usize,
        use_bias: bool,
        activation: Activation,
    },
    /// Largest of each window.
    MaxPooling2d {
        pool: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
    },
    /// Mean of each window, padding left out of the count.
    AveragePooling2d {
        pool: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
    },
    /// Mean over height and width.
    GlobalAveragePooling2d { keepdims: bool },
    /// Maximum over height and width.
    GlobalMaxPooling2d { keepdims: bool },
    /// One axis.
    Flatten,
    /// The layer's output shape, same numbers.
    Reshape,
    /// In training each number is zeroed with probability `rate`, the others divided by `1 - rate`.
    Dropout { rate: f32 },
    /// Weights in Keras' order: gamma (if `scale`), beta (if `center`), moving_mean, moving_variance.
    BatchNormalization {
        axis: usize,
        momentum: f32,
        epsilon: f32,
        center: bool,
        scale: bool,
    },
    /// Over the last axis. Weights: gamma (if `scale`), beta (if `center`).
    LayerNormalization {
        epsilon: f32,
        center: bool,
        scale: bool,
    },
    /// Rows of a table `[input_dim, output_dim]`.
    Embedding { input_dim: usize, output_dim: usize },
    /// An activation as a layer of its own.
    Activation(Activation),
    /// Sum of its inputs.
    Add,
    /// Product of its inputs.
    Multiply,
    /// Its inputs joined along `axis` (of one row, so 0 is the first axis after the batch).
    Concatenate { axis: usize },
    /// `x · scale + offset`.
    Rescaling { scale: f32, offset: f32 },
    /// Zeros around height and width: `[[top, bottom], [left, right]]`.
    ZeroPadding2d { padding: [[usize; 2]; 2] },
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
    Linear,
    Relu,
    /// `negative_slope` 0.2 as an activation argument, 0.3 by default as a layer.
    LeakyRelu {
        negative_slope: f32,
    },
    Elu {
        alpha: f32,
    },
    /// Exact (erf) unless `approximate` (tanh form).
    Gelu {
        approximate: bool,
    },
    Sigmoid,
    Tanh,
    /// Over the last axis.
    Softmax,
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
    Sgd {
        momentum: f32,
        nesterov: bool,
    },
    /// Epsilon stands outside the bias correction, as in Keras.
    Adam {
        beta_1: f32,
        beta_2: f32,
        epsilon: f32,
        amsgrad: bool,
    },
    /// As Adam; the decay stands in [`Optimizer::weight_decay`].
    AdamW {
        beta_1: f32,
        beta_2: f32,
        epsilon: f32,
        amsgrad: bool,
    },
    RmsProp {
        rho: f32,
        momentum: f32,
        epsilon: f32,
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
    MeanSquaredError,
    MeanAbsoluteError,
    Huber {
        delta: f32,
    },
    BinaryCrossentropy {
        from_logits: bool,
        label_smoothing: f32,
    },
    CategoricalCrossentropy {
        from_logits: bool,
        label_smoothing: f32,
    },
    SparseCategoricalCrossentropy {
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
    BinaryAccuracy {
        threshold: f32,
    },
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    MeanAbsoluteError,
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
    /// The slots after these two, in Keras' order.
    pub slots: Vec<Array>,
}
