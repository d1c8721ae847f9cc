//! The loss: a name, a serialized function or object, alone or under the output's name.

use assay_protocol::Fault;
use serde_json::{Map, Value};

use crate::archive::fault;
use crate::archive::object::{Object, function_name};
use crate::archive::settings::Settings;
use crate::spec::Loss;

/// Keras' name of a loss.
pub(in crate::archive) fn name(loss: &Loss) -> &'static str {
    match loss {
        Loss::MeanSquaredError => "mean_squared_error",
        Loss::MeanAbsoluteError => "mean_absolute_error",
        Loss::Huber { .. } => "huber",
        Loss::BinaryCrossentropy { .. } => "binary_crossentropy",
        Loss::CategoricalCrossentropy { .. } => "categorical_crossentropy",
        Loss::SparseCategoricalCrossentropy { .. } => "sparse_categorical_crossentropy",
    }
}

pub(super) fn read(
    value: Option<&Value>,
    output_name: &str,
    output_shape: &[usize],
) -> Result<Loss, Fault> {
    let value = match value {
        None => return Err(fault::malformed("compile_config names no loss")),
        Some(Value::Array(list)) => match list.as_slice() {
            [one] => one,
            _ => {
                return Err(fault::malformed(
                    "compile_config must name one loss for the one output",
                ));
            }
        },
        Some(Value::Object(map)) if !map.contains_key("class_name") => map
            .get(output_name)
            .filter(|_| map.len() == 1)
            .ok_or_else(|| {
                fault::malformed(format!(
                    "compile_config must name one loss for the output {output_name:?}"
                ))
            })?,
        Some(one) => one,
    };
    let no_settings = Map::new();
    let (class, map) = match function_name(value, "the loss")? {
        Some(name) => (name, &no_settings),
        None => {
            let object = Object::read(value, "the loss")?;
            (object.class, object.settings("the loss")?)
        }
    };
    let mut s = Settings::new(format!("the loss {}", fault::short(class)), map);
    s.skip(&["name", "fn"]);
    s.only("reduction", &["sum_over_batch_size".into()])?;
    s.only("dtype", &["float32".into()])?;
    let loss = by_name(class, &mut s, output_shape)?;
    s.finish()?;
    Ok(loss)
}

fn by_name(class: &str, s: &mut Settings<'_>, output_shape: &[usize]) -> Result<Loss, Fault> {
    Ok(match class {
        "mse" | "MSE" | "mean_squared_error" | "MeanSquaredError" => Loss::MeanSquaredError,
        "mae" | "MAE" | "mean_absolute_error" | "MeanAbsoluteError" => Loss::MeanAbsoluteError,
        "huber" | "Huber" => Loss::Huber {
            delta: s.number_where("delta", 1.0, "above 0", |d| d > 0.0)?,
        },
        "bce" | "BCE" | "binary_crossentropy" | "BinaryCrossentropy" => {
            let (from_logits, label_smoothing) = probabilities(s)?;
            Loss::BinaryCrossentropy {
                from_logits,
                label_smoothing,
            }
        }
        "categorical_crossentropy" | "CategoricalCrossentropy" => {
            let (from_logits, label_smoothing) = probabilities(s)?;
            Loss::CategoricalCrossentropy {
                from_logits,
                label_smoothing,
            }
        }
        "sparse_categorical_crossentropy" | "SparseCategoricalCrossentropy" => {
            s.only("axis", &[(-1).into()])?;
            s.only("ignore_class", &[])?;
            Loss::SparseCategoricalCrossentropy {
                from_logits: s.bool("from_logits", false)?,
            }
        }
        // Keras picks by the labels' shape; labels here are one number a row, as the data sets give them.
        "crossentropy" | "ce" if output_shape.last() == Some(&1) => Loss::BinaryCrossentropy {
            from_logits: false,
            label_smoothing: 0.0,
        },
        "crossentropy" | "ce" => Loss::SparseCategoricalCrossentropy { from_logits: false },
        _ => {
            return Err(Fault::model(
                "model.unsupported_loss",
                format!(
                    "the loss {:?} is not supported; supported are mean_squared_error, mean_absolute_error, \
                     huber, binary_crossentropy, categorical_crossentropy and sparse_categorical_crossentropy",
                    fault::short(class)
                ),
            ));
        }
    })
}

/// `from_logits` and `label_smoothing`.
fn probabilities(s: &mut Settings<'_>) -> Result<(bool, f32), Fault> {
    s.only("axis", &[(-1).into()])?;
    Ok((
        s.bool("from_logits", false)?,
        s.number_where("label_smoothing", 0.0, "from 0 to 1", |l| {
            (0.0..=1.0).contains(&l)
        })?,
    ))
}
