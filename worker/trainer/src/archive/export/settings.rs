//! A layer's settings as JSON, under Keras' names.

use serde_json::{Value, json};

use crate::archive::summary::number;
use crate::spec::{Activation, LayerKind, Padding};

/// The settings that say what a layer computes; its shapes say the rest.
pub(super) fn of(kind: &LayerKind) -> Value {
    match kind {
        LayerKind::Input
        | LayerKind::Flatten
        | LayerKind::Reshape
        | LayerKind::Add
        | LayerKind::Multiply => json!({}),
        LayerKind::Dense {
            units,
            use_bias,
            activation,
        } => {
            json!({"units": units, "use_bias": use_bias, "activation": self::activation(activation)})
        }
        LayerKind::Conv2d { .. } | LayerKind::DepthwiseConv2d { .. } => convolution(kind),
        LayerKind::MaxPooling2d {
            pool,
            strides,
            padding,
        }
        | LayerKind::AveragePooling2d {
            pool,
            strides,
            padding,
        } => json!({"pool_size": pool, "strides": strides, "padding": self::padding(*padding)}),
        LayerKind::GlobalAveragePooling2d { keepdims }
        | LayerKind::GlobalMaxPooling2d { keepdims } => {
            json!({"keepdims": keepdims})
        }
        LayerKind::Dropout { rate } => json!({"rate": number(*rate)}),
        LayerKind::BatchNormalization {
            axis,
            momentum,
            epsilon,
            center,
            scale,
        } => json!({
            "row_axis": axis, "momentum": number(*momentum), "epsilon": number(*epsilon),
            "center": center, "scale": scale,
        }),
        LayerKind::LayerNormalization {
            epsilon,
            center,
            scale,
        } => json!({"epsilon": number(*epsilon), "center": center, "scale": scale}),
        LayerKind::Embedding {
            input_dim,
            output_dim,
        } => json!({"input_dim": input_dim, "output_dim": output_dim}),
        LayerKind::Activation(a) => json!({"activation": activation(a)}),
        LayerKind::Concatenate { axis } => json!({"row_axis": axis}),
        LayerKind::Rescaling { scale, offset } => {
            json!({"scale": number(*scale), "offset": number(*offset)})
        }
        LayerKind::ZeroPadding2d { padding } => json!({"padding": padding}),
    }
}

fn convolution(kind: &LayerKind) -> Value {
    match kind {
        LayerKind::Conv2d {
            filters,
            kernel,
            strides,
            padding,
            dilation,
            use_bias,
            activation,
        } => json!({
            "filters": filters, "kernel_size": kernel, "strides": strides,
            "padding": self::padding(*padding), "dilation_rate": dilation,
            "use_bias": use_bias, "activation": self::activation(activation),
        }),
        LayerKind::DepthwiseConv2d {
            kernel,
            strides,
            padding,
            dilation,
            multiplier,
            use_bias,
            activation,
        } => json!({
            "depth_multiplier": multiplier, "kernel_size": kernel, "strides": strides,
            "padding": self::padding(*padding), "dilation_rate": dilation,
            "use_bias": use_bias, "activation": self::activation(activation),
        }),
        _ => json!({}),
    }
}

fn padding(padding: Padding) -> &'static str {
    match padding {
        Padding::Valid => "valid",
        Padding::Same => "same",
    }
}

fn activation(activation: &Activation) -> Value {
    match activation {
        Activation::Linear => json!({"name": "linear"}),
        Activation::Relu => json!({"name": "relu"}),
        Activation::LeakyRelu { negative_slope } => {
            json!({"name": "leaky_relu", "negative_slope": number(*negative_slope)})
        }
        Activation::Elu { alpha } => json!({"name": "elu", "alpha": number(*alpha)}),
        Activation::Gelu { approximate } => json!({"name": "gelu", "approximate": approximate}),
        Activation::Sigmoid => json!({"name": "sigmoid"}),
        Activation::Tanh => json!({"name": "tanh"}),
        Activation::Softmax => json!({"name": "softmax"}),
        Activation::Softplus => json!({"name": "softplus"}),
        Activation::Swish => json!({"name": "swish"}),
    }
}
