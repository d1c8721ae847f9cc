//! Reads `golden.json`, which Keras made, into model specifications.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::Labels;
use crate::spec::*;

#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) cases: Vec<Case>,
    pub(crate) fit: Case,
}

#[derive(Deserialize, Clone)]
pub(crate) struct Case {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) layers: Vec<Layer>,
    optimizer: Value,
    loss: Value,
    metrics: Vec<Value>,
    pub(crate) x: Vec<f32>,
    y: Value,
    pub(crate) rows: usize,
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize, Clone)]
pub(crate) struct Layer {
    class: String,
    pub(crate) config: Value,
    inputs: Vec<String>,
    output_shape: Vec<usize>,
    weights: Vec<Weight>,
}

#[derive(Deserialize, Clone)]
struct Weight {
    name: String,
    shape: Vec<usize>,
    trainable: bool,
    data: Vec<f32>,
}

pub(crate) fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/fixtures/golden.json")).unwrap()
}

/// The numbers of a JSON array, however deep.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

impl Case {
    pub(crate) fn labels(&self) -> Labels {
        match &self.y {
            Value::Array(_) => {
                Labels::Classes(numbers(&self.y).iter().map(|&c| c as u32).collect())
            }
            y => Labels::Values {
                width: y["width"].as_u64().unwrap() as usize,
                data: numbers(&y["data"]).iter().map(|&x| x as f32).collect(),
            },
        }
    }

    pub(crate) fn weights(&self) -> Weights {
        let array = |w: &Weight| Array {
            shape: w.shape.clone(),
            data: w.data.clone(),
        };
        let layers = self
            .layers
            .iter()
            .map(|layer| layer.weights.iter().map(array).collect());
        Weights {
            layers: layers.collect(),
        }
    }

    pub(crate) fn spec(&self) -> ModelSpec {
        let mut layers = Vec::new();
        let mut names = Vec::new();
        for layer in &self.layers {
            let place = |name: &String| names.iter().position(|n| n == name).unwrap();
            layers.push(LayerSpec {
                name: text(&layer.config, "name"),
                class: layer.class.clone(),
                kind: kind(layer),
                inputs: layer.inputs.iter().map(place).collect(),
                trainable: layer.config["trainable"].as_bool().unwrap_or(true),
                output_shape: layer.output_shape.clone(),
                weights: layer.weights.iter().map(weight).collect(),
            });
            names.push(text(&layer.config, "name"));
        }
        ModelSpec {
            name: self.name.clone(),
            class: ModelClass::Functional,
            output: layers.len() - 1,
            layers,
            compile: CompileSpec {
                optimizer: optimizer(&self.optimizer),
                loss: loss(&self.loss),
                metrics: self.metrics.iter().map(metric).collect(),
            },
            keras_version: None,
        }
    }
}

fn weight(weight: &Weight) -> WeightSpec {
    const NAMES: [&str; 7] = [
        "kernel",
        "bias",
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
        "embeddings",
    ];
    WeightSpec {
        name: NAMES.iter().find(|name| **name == weight.name).unwrap(),
        shape: weight.shape.clone(),
        trainable: weight.trainable,
    }
}

fn text(config: &Value, key: &str) -> String {
    config[key].as_str().unwrap_or_default().to_owned()
}

fn float(config: &Value, key: &str) -> f32 {
    config[key].as_f64().unwrap_or_default() as f32
}

fn flag(config: &Value, key: &str) -> bool {
    config[key].as_bool().unwrap_or_default()
}

fn pair(config: &Value, key: &str) -> [usize; 2] {
    let all = numbers(&config[key]);
    [all[0] as usize, *all.last().unwrap() as usize]
}

fn padding(config: &Value) -> Padding {
    if config["padding"] == "same" {
        Padding::Same
    } else {
        Padding::Valid
    }
}

fn activation(name: &str) -> Activation {
    match name {
        "relu" => Activation::Relu,
        "leaky_relu" => Activation::LeakyRelu {
            negative_slope: 0.2,
        },
        "elu" => Activation::Elu { alpha: 1.0 },
        "gelu" => Activation::Gelu { approximate: false },
        "sigmoid" => Activation::Sigmoid,
        "tanh" => Activation::Tanh,
        "softmax" => Activation::Softmax,
        "softplus" => Activation::Softplus,
        "silu" | "swish" => Activation::Swish,
        "linear" => Activation::Linear,
        other => panic!("activation {other}"),
    }
}

fn kind(layer: &Layer) -> LayerKind {
    let c = &layer.config;
    let act = activation(c["activation"].as_str().unwrap_or("linear"));
    let axis = |of: i64| {
        (if of < 0 {
            of + layer.output_shape.len() as i64
        } else {
            of - 1
        }) as usize
    };
    match layer.class.as_str() {
        "InputLayer" => LayerKind::Input,
        "Dense" => LayerKind::Dense {
            units: c["units"].as_u64().unwrap() as usize,
            use_bias: flag(c, "use_bias"),
            activation: act,
        },
        "Flatten" => LayerKind::Flatten,
        "Reshape" => LayerKind::Reshape,
        "Dropout" => LayerKind::Dropout {
            rate: float(c, "rate"),
        },
        "BatchNormalization" => LayerKind::BatchNormalization {
            axis: axis(c["axis"].as_i64().unwrap()),
            momentum: float(c, "momentum"),
            epsilon: float(c, "epsilon"),
            center: flag(c, "center"),
            scale: flag(c, "scale"),
        },
        "LayerNormalization" => LayerKind::LayerNormalization {
            epsilon: float(c, "epsilon"),
            center: flag(c, "center"),
            scale: flag(c, "scale"),
        },
        "Embedding" => LayerKind::Embedding {
            input_dim: c["input_dim"].as_u64().unwrap() as usize,
            output_dim: c["output_dim"].as_u64().unwrap() as usize,
        },
        "Activation" => LayerKind::Activation(act),
        "LeakyReLU" => LayerKind::Activation(Activation::LeakyRelu {
            negative_slope: float(c, "negative_slope"),
        }),
        "ELU" => LayerKind::Activation(Activation::Elu {
            alpha: float(c, "alpha"),
        }),
        "ReLU" => LayerKind::Activation(Activation::Relu),
        "Softmax" => LayerKind::Activation(Activation::Softmax),
        "Add" => LayerKind::Add,
        "Multiply" => LayerKind::Multiply,
        "Concatenate" => LayerKind::Concatenate {
            axis: axis(c["axis"].as_i64().unwrap()),
        },
        "Rescaling" => LayerKind::Rescaling {
            scale: float(c, "scale"),
            offset: float(c, "offset"),
        },
        _ => image_kind(layer, act),
    }
}

fn image_kind(layer: &Layer, act: Activation) -> LayerKind {
    let c = &layer.config;
    match layer.class.as_str() {
        "Conv2D" => LayerKind::Conv2d {
            filters: c["filters"].as_u64().unwrap() as usize,
            kernel: pair(c, "kernel_size"),
            strides: pair(c, "strides"),
            padding: padding(c),
            dilation: pair(c, "dilation_rate"),
            use_bias: flag(c, "use_bias"),
            activation: act,
        },
        "DepthwiseConv2D" => LayerKind::DepthwiseConv2d {
            kernel: pair(c, "kernel_size"),
            strides: pair(c, "strides"),
            padding: padding(c),
            dilation: pair(c, "dilation_rate"),
            multiplier: c["depth_multiplier"].as_u64().unwrap() as usize,
            use_bias: flag(c, "use_bias"),
            activation: act,
        },
        "MaxPooling2D" => LayerKind::MaxPooling2d {
            pool: pair(c, "pool_size"),
            strides: pair(c, "strides"),
            padding: padding(c),
        },
        "AveragePooling2D" => LayerKind::AveragePooling2d {
            pool: pair(c, "pool_size"),
            strides: pair(c, "strides"),
            padding: padding(c),
        },
        "GlobalAveragePooling2D" => LayerKind::GlobalAveragePooling2d {
            keepdims: flag(c, "keepdims"),
        },
        "GlobalMaxPooling2D" => LayerKind::GlobalMaxPooling2d {
            keepdims: flag(c, "keepdims"),
        },
        "ZeroPadding2D" => {
            let all: Vec<usize> = numbers(&c["padding"]).iter().map(|&n| n as usize).collect();
            LayerKind::ZeroPadding2d {
                padding: [[all[0], all[1]], [all[2], all[3]]],
            }
        }
        other => panic!("layer {other}"),
    }
}

fn optimizer(value: &Value) -> Optimizer {
    let c = &value["config"];
    let rule = match value["class_name"].as_str().unwrap() {
        "SGD" => OptimizerRule::Sgd {
            momentum: float(c, "momentum"),
            nesterov: flag(c, "nesterov"),
        },
        "RMSprop" => OptimizerRule::RmsProp {
            rho: float(c, "rho"),
            momentum: float(c, "momentum"),
            epsilon: float(c, "epsilon"),
            centered: flag(c, "centered"),
        },
        _ => OptimizerRule::Adam {
            beta_1: float(c, "beta_1"),
            beta_2: float(c, "beta_2"),
            epsilon: float(c, "epsilon"),
            amsgrad: flag(c, "amsgrad"),
        },
    };
    let limit = |key: &str| c[key].as_f64().map(|limit| limit as f32);
    let clip = (limit("clipnorm").map(Clip::Norm))
        .or_else(|| limit("global_clipnorm").map(Clip::GlobalNorm))
        .or_else(|| limit("clipvalue").map(Clip::Value));
    Optimizer {
        rule,
        learning_rate: float(c, "learning_rate"),
        weight_decay: limit("weight_decay"),
        clip,
    }
}

fn loss(value: &Value) -> Loss {
    let c = &value["config"];
    // A loss that was given by name is a function.
    let name = c.as_str().or_else(|| value["class_name"].as_str()).unwrap();
    let (from_logits, label_smoothing) = (flag(c, "from_logits"), float(c, "label_smoothing"));
    match name {
        "MeanSquaredError" | "mean_squared_error" => Loss::MeanSquaredError,
        "MeanAbsoluteError" => Loss::MeanAbsoluteError,
        "Huber" => Loss::Huber {
            delta: float(c, "delta"),
        },
        "BinaryCrossentropy" => Loss::BinaryCrossentropy {
            from_logits,
            label_smoothing,
        },
        "CategoricalCrossentropy" => Loss::CategoricalCrossentropy {
            from_logits,
            label_smoothing,
        },
        "SparseCategoricalCrossentropy" | "sparse_categorical_crossentropy" => {
            Loss::SparseCategoricalCrossentropy { from_logits }
        }
        other => panic!("loss {other}"),
    }
}

fn metric(value: &Value) -> Metric {
    let c = &value["config"];
    let kind = match value["class_name"].as_str().unwrap() {
        "AUC" => MetricKind::Auc,
        "BinaryAccuracy" => MetricKind::BinaryAccuracy {
            threshold: float(c, "threshold"),
        },
        "CategoricalAccuracy" => MetricKind::CategoricalAccuracy,
        "SparseCategoricalAccuracy" => MetricKind::SparseCategoricalAccuracy,
        "MeanAbsoluteError" => MetricKind::MeanAbsoluteError,
        "MeanSquaredError" => MetricKind::MeanSquaredError,
        other => panic!("metric {other}"),
    };
    Metric {
        name: text(c, "name"),
        kind,
    }
}
