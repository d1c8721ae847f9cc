//! The trained model for readers without Keras: `model.safetensors` and `model.json`.

mod settings;

use assay_protocol::{Fault, room};
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::{Map, Value, json};

use super::compile::loss_name;
use super::summary::optimizer_settings;
use super::write::check_weights;
use crate::spec::{LayerSpec, ModelSpec, Weights};

/// The format of `model.json`.
const FORMAT: &str = "assay-model";
/// Raised when a reader of the old form would misread the new one.
const FORMAT_VERSION: u32 = 1;

/// `model.safetensors`: every weight as F32, named `<layer>/<weight>`, sorted by name; equal weights give equal bytes.
///
/// # Errors
/// A fault of the trainer when the weights are not those of the model.
pub fn safetensors(spec: &ModelSpec, weights: &Weights) -> Result<Vec<u8>, Fault> {
    check_weights(spec, weights)?;
    let fail = |e: safetensors::SafeTensorError| {
        Fault::without_field("trainer.archive", format!("writing {}: {e}", room::WEIGHTS))
    };
    let mut named = Vec::new();
    for (layer, arrays) in spec.layers.iter().zip(&weights.layers) {
        for (weight, array) in layer.weights.iter().zip(arrays) {
            let bytes: Vec<u8> = array.data.iter().flat_map(|n| n.to_le_bytes()).collect();
            named.push((tensor_name(layer, weight.name), array.shape.clone(), bytes));
        }
    }
    let views = named
        .iter()
        .map(|(name, shape, bytes)| {
            TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(fail)?;
    serialize(views, None).map_err(fail)
}

/// `model.json`: what [`safetensors`]' tensors are the weights of, enough to compute the model without Keras.
///
/// Keys are sorted and numbers are in their shortest form, so equal models give equal bytes. Shapes are those
/// of one row, channels last.
///
/// # Errors
/// A fault of the trainer when it cannot be written as JSON.
pub fn architecture(spec: &ModelSpec) -> Result<Vec<u8>, Fault> {
    let layers: Vec<Value> = spec.layers.iter().map(|l| layer(spec, l)).collect();
    let at = |i: usize| {
        spec.layers
            .get(i)
            .map(|l| json!({"layer": l.name, "shape": l.output_shape, "dtype": "F32"}))
    };
    let document = json!({
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "name": spec.name,
        "class": super::summary::class_name(spec.class),
        "input": at(0),
        "output": at(spec.output),
        "layers": layers,
        "training": {
            "optimizer": optimizer_settings(&spec.compile.optimizer),
            "loss": loss_name(&spec.compile.loss),
            "metrics": spec.compile.metrics.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(),
        },
        "weights": room::WEIGHTS,
        "preprocessing": room::PREPROCESSING,
    });
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|e| {
        Fault::without_field(
            "trainer.archive",
            format!("writing {}: {e}", room::ARCHITECTURE),
        )
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn layer(spec: &ModelSpec, layer: &LayerSpec) -> Value {
    let inputs: Vec<&str> = layer
        .inputs
        .iter()
        .filter_map(|i| spec.layers.get(*i))
        .map(|l| l.name.as_str())
        .collect();
    let weights: Vec<Value> = layer
        .weights
        .iter()
        .map(|w| {
            json!({
                "name": w.name,
                "tensor": tensor_name(layer, w.name),
                "shape": w.shape,
                "trainable": w.trainable,
            })
        })
        .collect();
    let mut map = Map::new();
    map.insert("name".to_owned(), json!(layer.name));
    map.insert("class".to_owned(), json!(layer.class));
    map.insert("inputs".to_owned(), json!(inputs));
    map.insert("output_shape".to_owned(), json!(layer.output_shape));
    map.insert("settings".to_owned(), settings::of(&layer.kind));
    map.insert("weights".to_owned(), json!(weights));
    Value::Object(map)
}

fn tensor_name(layer: &LayerSpec, weight: &str) -> String {
    format!("{}/{weight}", layer.name)
}
