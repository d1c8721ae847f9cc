//! References between layers of a Functional model.

use std::collections::HashMap;

use assay_protocol::Fault;
use serde_json::Value;

use super::Entry;
use crate::archive::fault;
use crate::archive::model::row_shape;

/// A tensor that a layer reads.
pub(super) struct Tensor {
    /// Index of the layer that gives it.
    pub(super) layer: usize,
    /// Its row shape as the archive says, when fixed.
    pub(super) shape: Option<Vec<usize>>,
}

/// The tensors a layer reads: one call, of one tensor or one list of tensors.
pub(super) fn inbound(
    nodes: Option<&Value>,
    owner: &str,
    index: &HashMap<String, usize>,
) -> Result<Vec<Tensor>, Fault> {
    let calls = nodes
        .and_then(Value::as_array)
        .ok_or_else(|| fault::malformed(format!("{owner} has no inbound_nodes")))?;
    let call = match calls.as_slice() {
        [] => return Ok(Vec::new()),
        [one] => one,
        _ => {
            return Err(Fault::model(
                "model.shared_layer",
                format!(
                    "{owner} is called {} times; use a layer of its own for each call",
                    calls.len()
                ),
            ));
        }
    };
    let kwargs = call.get("kwargs").and_then(Value::as_object);
    let unknown = kwargs.into_iter().flatten().find(|(key, value)| {
        // Whether it trains is the trainer's to say on every pass, as in `fit`.
        !(value.is_null() || *key == "training" && value.is_boolean())
    });
    if let Some((key, _)) = unknown {
        return Err(Fault::model(
            fault::SETTING,
            format!(
                "{owner} is called with {:?}, which is not supported; leave it out",
                fault::short(key)
            ),
        ));
    }
    let args = call
        .get("args")
        .and_then(Value::as_array)
        .map(Vec::as_slice);
    let tensors = match args {
        Some([Value::Array(list)]) => list.as_slice(),
        Some(one @ [_]) => one,
        _ => {
            return Err(fault::malformed(format!(
                "{owner} must be called with one tensor or one list of tensors"
            )));
        }
    };
    if tensors.is_empty() {
        return Err(fault::malformed(format!(
            "{owner} is called with an empty list"
        )));
    }
    tensors.iter().map(|t| tensor(t, owner, index)).collect()
}

/// A `__keras_tensor__`.
fn tensor(value: &Value, owner: &str, index: &HashMap<String, usize>) -> Result<Tensor, Fault> {
    let config = value.get("config");
    let is_tensor = value.get("class_name").and_then(Value::as_str) == Some("__keras_tensor__");
    let history = config
        .and_then(|c| c.get("keras_history"))
        .filter(|_| is_tensor);
    let layer = history.and_then(|h| reference(h, index)).ok_or_else(|| {
        fault::malformed(format!(
            "{owner} reads something that no layer of the model gives"
        ))
    })?;
    Ok(Tensor {
        layer,
        shape: config.and_then(|c| c.get("shape")).and_then(row_shape),
    })
}

/// `[name, 0, 0]` → index; another call or another output of the layer does not exist here.
fn reference(value: &Value, index: &HashMap<String, usize>) -> Option<usize> {
    match value.as_array()?.as_slice() {
        [Value::String(name), call, output] if *call == 0 && *output == 0 => {
            index.get(name).copied()
        }
        _ => None,
    }
}

/// The model's one input or output: `[name, 0, 0]` or a list or map of exactly one such.
pub(super) fn single(
    value: Option<&Value>,
    what: &str,
    index: &HashMap<String, usize>,
) -> Result<usize, Fault> {
    let one = match value {
        Some(Value::Array(list)) if list.first().is_some_and(|v| !v.is_string()) => {
            match list.as_slice() {
                [one] => Some(one),
                _ => None,
            }
        }
        Some(Value::Object(map)) => map.values().next().filter(|_| map.len() == 1),
        other => other,
    };
    let Some(one) = one else {
        return Err(Fault::model(
            "model.several_inputs_or_outputs",
            format!(
                "{what} names several; only models with one input and one output are supported"
            ),
        ));
    };
    reference(one, index).ok_or_else(|| {
        fault::malformed(format!(
            "{what} names something that no layer of the model gives"
        ))
    })
}

/// Records what a reader says of a layer's output; two readers must agree.
pub(super) fn claim(from: &mut Entry<'_>, shape: &[usize]) -> Result<(), Fault> {
    match &from.claimed_output {
        Some(before) if before != shape => Err(fault::malformed(format!(
            "the output of {} is said to be {before:?} and {shape:?}",
            from.owner()
        ))),
        _ => {
            from.claimed_output = Some(shape.to_vec());
            Ok(())
        }
    }
}
