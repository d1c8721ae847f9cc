use assay_protocol::Fault;
use candle_core::Tensor;

use super::error::Error;
use super::tensor::tensor;
use crate::spec::{ModelSpec, Weights};

/// Layer and place of every weight that training changes, in the order of Keras' `trainable_variables`.
pub(crate) fn trainable(spec: &ModelSpec) -> impl Iterator<Item = (usize, usize)> + '_ {
    spec.layers.iter().enumerate().flat_map(|(layer, spec)| {
        let weights = spec.weights.iter().enumerate();
        weights
            .filter(|(_, weight)| weight.trainable)
            .map(move |(weight, _)| (layer, weight))
    })
}

pub(crate) fn shape_of(spec: &ModelSpec, layer: usize, weight: usize) -> Vec<usize> {
    let weight = spec
        .layers
        .get(layer)
        .and_then(|layer| layer.weights.get(weight));
    weight
        .map(|weight| weight.shape.clone())
        .unwrap_or_default()
}

/// A weight that would silently never train.
pub(crate) fn no_gradient(spec: &ModelSpec, layer: usize, weight: usize) -> Fault {
    let layer = spec.layers.get(layer);
    let name = layer.map(|layer| layer.name.as_str()).unwrap_or_default();
    let weight = layer.and_then(|layer| layer.weights.get(weight));
    let weight = weight.map(|weight| weight.name).unwrap_or_default();
    Fault::without_field(
        "trainer.no_gradient",
        format!("weight {weight} of layer {name} gets no gradient, so it would never be trained"),
    )
}

/// The weights as tensors, every shape checked.
pub(crate) fn tensors(spec: &ModelSpec, weights: Weights) -> Result<Vec<Vec<Tensor>>, Fault> {
    if weights.layers.len() != spec.layers.len() {
        let (given, due) = (weights.layers.len(), spec.layers.len());
        let message = format!("there are weights for {given} layers, but the model has {due}");
        return Err(Fault::model("model.weights", message));
    }
    let mut all = Vec::with_capacity(weights.layers.len());
    for (layer, arrays) in spec.layers.iter().zip(weights.layers) {
        let due: Vec<&[usize]> = layer
            .weights
            .iter()
            .map(|weight| weight.shape.as_slice())
            .collect();
        let given: Vec<&[usize]> = arrays.iter().map(|array| array.shape.as_slice()).collect();
        let empty = layer.output_shape.contains(&0) || due.iter().any(|shape| shape.contains(&0));
        if due != given || empty {
            let name = &layer.name;
            return Err(Fault::model(
                "model.weights",
                format!(
                    "layer {name} should have weights of shapes {due:?} (no length 0), not {given:?}"
                ),
            ));
        }
        let made = arrays
            .into_iter()
            .map(|array| tensor(array.data, array.shape))
            .collect();
        let made: candle_core::Result<Vec<Tensor>> = made;
        all.push(made.map_err(|error| Error::from(error).at(&layer.name))?);
    }
    Ok(all)
}
