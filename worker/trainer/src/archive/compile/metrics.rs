//! The metrics, under the names that Keras' history gives them.

use std::collections::HashMap;

use assay_protocol::Fault;
use serde_json::{Map, Value};

use crate::archive::fault;
use crate::archive::model::checked_name;
use crate::archive::object::{Object, function_name};
use crate::archive::settings::Settings;
use crate::spec::{Loss, Metric, MetricKind};

/// Metrics of one model at most.
const MAX_METRICS: usize = 64;

pub(super) fn read(
    value: Option<&Value>,
    loss: &Loss,
    output_shape: &[usize],
) -> Result<Vec<Metric>, Fault> {
    let mut flat = Vec::new();
    if let Some(value) = value {
        flatten(value, &mut flat)?;
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut metrics = Vec::with_capacity(flat.len());
    for value in flat {
        let mut metric = one(value, loss, output_shape)?;
        // A second metric of a name gets a number, as in `CompileMetrics.result`.
        let count = counts.entry(metric.name.clone()).or_default();
        if *count > 0 {
            metric.name = format!("{}_{count}", metric.name);
        }
        *count += 1;
        metrics.push(metric);
    }
    Ok(metrics)
}

/// Lists in lists and maps by output name, all for the one output. The depth is that of the parsed JSON.
fn flatten<'a>(value: &'a Value, into: &mut Vec<&'a Value>) -> Result<(), Fault> {
    match value {
        Value::Array(list) => list.iter().try_for_each(|v| flatten(v, into)),
        Value::Object(map) if !map.contains_key("class_name") => {
            map.values().try_for_each(|v| flatten(v, into))
        }
        _ if into.len() == MAX_METRICS => Err(Fault::model(
            "limit.model_metrics",
            format!("the model is compiled with more than {MAX_METRICS} metrics"),
        )),
        one => {
            into.push(one);
            Ok(())
        }
    }
}

fn one(value: &Value, loss: &Loss, output_shape: &[usize]) -> Result<Metric, Fault> {
    let no_settings = Map::new();
    let function = function_name(value, "a metric")?;
    let (class, map, given) = match function {
        Some(name) => (name, &no_settings, Some(name)),
        None => {
            let object = Object::read(value, "a metric")?;
            let map = object.settings("a metric")?;
            (object.class, map, map.get("name").and_then(Value::as_str))
        }
    };
    let mut s = Settings::new(format!("the metric {}", fault::short(class)), map);
    s.skip(&["name"]);
    // A dtype policy object is how newer versions write the default.
    if !s.get("dtype").is_some_and(Value::is_object) {
        s.only("dtype", &["float32".into()])?;
    }
    // Only the word is resolved by shape; an Accuracy object compares for equality, which no model here needs.
    let is_word = ["accuracy", "acc"]
        .iter()
        .any(|w| class.eq_ignore_ascii_case(w));
    let kind = if function.is_some() && is_word {
        accuracy(loss, output_shape)
    } else {
        by_name(class, &mut s)?
    };
    s.finish()?;
    let name = checked_name(given.unwrap_or_else(|| default_name(&kind)))?;
    if name == "loss" || name.starts_with("val_") {
        return Err(fault::malformed(format!(
            "a metric is named {name:?}, which the history needs for itself; give it another name"
        )));
    }
    Ok(Metric { name, kind })
}

fn by_name(class: &str, s: &mut Settings<'_>) -> Result<MetricKind, Fault> {
    Ok(match class {
        "binary_accuracy" | "BinaryAccuracy" => MetricKind::BinaryAccuracy {
            threshold: s.number("threshold", 0.5)?,
        },
        "categorical_accuracy" | "CategoricalAccuracy" => MetricKind::CategoricalAccuracy,
        "sparse_categorical_accuracy" | "SparseCategoricalAccuracy" => {
            MetricKind::SparseCategoricalAccuracy
        }
        "mae" | "MAE" | "mean_absolute_error" | "MeanAbsoluteError" => {
            MetricKind::MeanAbsoluteError
        }
        "mse" | "MSE" | "mean_squared_error" | "MeanSquaredError" => MetricKind::MeanSquaredError,
        "auc" | "AUC" => {
            s.only("num_thresholds", &[200.into()])?;
            s.only("curve", &["ROC".into()])?;
            s.only("summation_method", &["interpolation".into()])?;
            MetricKind::Auc
        }
        _ => return Err(unsupported(class)),
    })
}

fn unsupported(class: &str) -> Fault {
    Fault::model(
        "model.unsupported_metric",
        format!(
            "the metric {:?} is not supported; supported are accuracy, binary_accuracy, categorical_accuracy, \
             sparse_categorical_accuracy, mean_absolute_error, mean_squared_error and AUC",
            fault::short(class)
        ),
    )
}

/// Keras picks by the shapes of labels and output; the labels' shape follows from the loss.
fn accuracy(loss: &Loss, output_shape: &[usize]) -> MetricKind {
    match loss {
        _ if output_shape.last() == Some(&1) => MetricKind::BinaryAccuracy { threshold: 0.5 },
        Loss::SparseCategoricalCrossentropy { .. } => MetricKind::SparseCategoricalAccuracy,
        _ => MetricKind::CategoricalAccuracy,
    }
}

fn default_name(kind: &MetricKind) -> &'static str {
    match kind {
        MetricKind::BinaryAccuracy { .. } => "binary_accuracy",
        MetricKind::CategoricalAccuracy => "categorical_accuracy",
        MetricKind::SparseCategoricalAccuracy => "sparse_categorical_accuracy",
        MetricKind::MeanAbsoluteError => "mean_absolute_error",
        MetricKind::MeanSquaredError => "mean_squared_error",
        MetricKind::Auc => "auc",
    }
}
