//! What the layers compute.

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
