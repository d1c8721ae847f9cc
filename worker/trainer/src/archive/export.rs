//! The trained model for readers without Keras: `model.safetensors` and `model.json`.

mod settings;
mod tensors;

use assay_protocol::{Fault, room};
use serde_json::{Map, Value, json};

pub use tensors::{safetensors, safetensors_digest};

use super::compile::loss_name;
use super::summary::optimizer_settings;
use crate::spec::{LayerSpec, ModelSpec};

/// The format of `model.json`.
const FORMAT: &str = "assay-model";
/// Raised when a reader of the old form would misread the new one.
const FORMAT_VERSION: u32 = 1;

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
