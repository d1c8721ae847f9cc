//! A model described for reports.

use assay_protocol::{LayerSummary, ModelSummary, Task};
use serde_json::{Value, json};

use super::compile::loss_name;
use crate::spec::{Clip, Loss, ModelClass, ModelSpec, Optimizer, OptimizerRule};

/// Describes a model from its own configuration, with Keras' defaults filled in.
pub fn summary(spec: &ModelSpec) -> ModelSummary {
    let shape = |i: usize| {
        spec.layers
            .get(i)
            .map(|l| l.output_shape.clone())
            .unwrap_or_default()
    };
    let size = |shape: &[usize]| shape.iter().map(|d| *d as u64).product::<u64>();
    let weights = || spec.layers.iter().flat_map(|l| &l.weights);
    let count = |trainable: bool| {
        weights()
            .filter(|w| w.trainable == trainable)
            .map(|w| size(&w.shape))
            .sum()
    };
    ModelSummary {
        name: spec.name.clone(),
        class: class_name(spec.class).to_owned(),
        keras_version: spec.keras_version.clone(),
        input_shape: shape(0),
        output_shape: shape(spec.output),
        layers: spec
            .layers
            .iter()
            .map(|l| LayerSummary {
                name: l.name.clone(),
                class: l.class.clone(),
                output_shape: l.output_shape.clone(),
                parameters: l.weights.iter().map(|w| size(&w.shape)).sum(),
            })
            .collect(),
        trainable_parameters: count(true),
        non_trainable_parameters: count(false),
        optimizer: optimizer_settings(&spec.compile.optimizer),
        loss: loss_name(&spec.compile.loss).to_owned(),
        metrics: spec
            .compile
            .metrics
            .iter()
            .map(|m| m.name.clone())
            .collect(),
        task: task(&spec.compile.loss, &shape(spec.output)),
    }
}

/// All weights of the model, counted in numbers.
pub(super) fn parameters(spec: &ModelSpec) -> u64 {
    let summary = summary(spec);
    summary
        .trainable_parameters
        .saturating_add(summary.non_trainable_parameters)
}

/// Keras' name of the model's class.
pub(super) fn class_name(class: ModelClass) -> &'static str {
    match class {
        ModelClass::Sequential => "Sequential",
        ModelClass::Functional => "Functional",
    }
}

/// What the model answers: the loss says whether classes are meant, the output how many.
fn task(loss: &Loss, output_shape: &[usize]) -> Task {
    match loss {
        Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber { .. } => Task::Regression,
        Loss::BinaryCrossentropy { .. } if output_shape.last() == Some(&1) => {
            Task::BinaryClassification
        }
        Loss::BinaryCrossentropy { .. }
        | Loss::CategoricalCrossentropy { .. }
        | Loss::SparseCategoricalCrossentropy { .. } => Task::MulticlassClassification,
    }
}

/// The optimizer with every setting, under Keras' names.
pub(super) fn optimizer_settings(optimizer: &Optimizer) -> Value {
    let mut value = match &optimizer.rule {
        OptimizerRule::Sgd { momentum, nesterov } => {
            json!({"class_name": "SGD", "momentum": number(*momentum), "nesterov": nesterov})
        }
        OptimizerRule::Adam {
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
        } => json!({
            "class_name": "Adam", "beta_1": number(*beta_1), "beta_2": number(*beta_2),
            "epsilon": number(*epsilon), "amsgrad": amsgrad,
        }),
        OptimizerRule::AdamW {
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
        } => json!({
            "class_name": "AdamW", "beta_1": number(*beta_1), "beta_2": number(*beta_2),
            "epsilon": number(*epsilon), "amsgrad": amsgrad,
        }),
        OptimizerRule::RmsProp {
            rho,
            momentum,
            epsilon,
            centered,
        } => json!({
            "class_name": "RMSprop", "rho": number(*rho), "momentum": number(*momentum),
            "epsilon": number(*epsilon), "centered": centered,
        }),
    };
    if let Some(map) = value.as_object_mut() {
        map.insert("learning_rate".to_owned(), number(optimizer.learning_rate));
        map.insert(
            "weight_decay".to_owned(),
            optimizer.weight_decay.map_or(Value::Null, number),
        );
        let clip = match optimizer.clip {
            None => None,
            Some(Clip::Norm(n)) => Some(("clipnorm", n)),
            Some(Clip::Value(n)) => Some(("clipvalue", n)),
            Some(Clip::GlobalNorm(n)) => Some(("global_clipnorm", n)),
        };
        if let Some((key, n)) = clip {
            map.insert(key.to_owned(), number(n));
        }
    }
    value
}

/// A 32-bit number in its shortest decimal form: 0.001, not 0.0010000000474974513.
pub(super) fn number(n: f32) -> Value {
    n.to_string()
        .parse::<f64>()
        .map_or(Value::Null, Value::from)
}
