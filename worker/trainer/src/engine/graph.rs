use assay_protocol::Fault;
use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;

use super::error::{Error, Result};
use super::layers::{self, Mode, Saved, Wanted};
use super::losses::takes_logits;
use crate::spec::{Activation, LayerKind, LayerSpec, ModelSpec};

/// The layers in order, and what the order tells of them.
#[derive(Debug)]
pub(crate) struct Graph {
    layers: Vec<LayerSpec>,
    output: usize,
    /// The output layer's activation where the loss wants the numbers before it; then the layer itself has none.
    head: Activation,
    /// Whether anything that is trained lies in a layer or before it.
    trained: Vec<bool>,
}

/// What a forward pass leaves for the backward pass.
pub(crate) struct Trace {
    values: Vec<Tensor>,
    saved: Vec<Saved>,
}

/// For each layer, for each of its weights, the gradient if there is one.
pub(crate) type GraphGradients = Vec<Vec<Option<Tensor>>>;

impl Graph {
    /// Checks the order of the layers and splits off the last activation if the loss wants that.
    pub(crate) fn new(spec: &ModelSpec) -> std::result::Result<Self, Fault> {
        let mut layers = spec.layers.clone();
        let mut trained = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate() {
            let is_input = layer.kind == LayerKind::Input;
            let inputs_known = layer.inputs.iter().all(|&input| input < index);
            if is_input != (index == 0) || is_input != layer.inputs.is_empty() || !inputs_known {
                let name = &layer.name;
                return Err(Fault::model(
                    "model.graph",
                    format!(
                        "layer {name} takes what no layer before it gives; a model needs exactly one input layer, first"
                    ),
                ));
            }
            let own = layer.weights.iter().any(|weight| weight.trainable);
            let before = |&input: &usize| trained.get(input).copied().unwrap_or(false);
            trained.push(own || layer.inputs.iter().any(before));
        }
        let used = layers
            .iter()
            .any(|layer| layer.inputs.contains(&spec.output));
        let Some(last) = layers.get_mut(spec.output) else {
            return Err(Fault::model(
                "model.graph",
                "the model's output is none of its layers",
            ));
        };
        let mut head = Activation::Linear;
        if !used
            && let Some(activation) = activation_of(&mut last.kind)
            && takes_logits(spec.compile.loss, *activation)
        {
            head = std::mem::replace(activation, Activation::Linear);
        }
        Ok(Self {
            layers,
            output: spec.output,
            head,
            trained,
        })
    }

    /// The layers, each after its inputs, the last without the activation that was split off.
    pub(crate) fn layers(&self) -> &[LayerSpec] {
        &self.layers
    }

    /// Index of the model's output.
    pub(crate) fn output(&self) -> usize {
        self.output
    }

    /// The activation that was split off.
    pub(crate) fn head(&self) -> Activation {
        self.head
    }

    /// Whether the loss gets the numbers before the last activation.
    pub(crate) fn gives_logits(&self) -> bool {
        self.head != Activation::Linear
    }

    /// Computes every layer. `streams[i]` is layer `i`'s stream in training; no streams mean inference.
    pub(crate) fn forward(
        &self,
        weights: &[Vec<Tensor>],
        input: Tensor,
        mut streams: Option<&mut [Option<ChaCha8Rng>]>,
    ) -> std::result::Result<Trace, Fault> {
        let mut trace = Trace {
            values: Vec::with_capacity(self.layers.len()),
            saved: Vec::with_capacity(self.layers.len()),
        };
        for (index, (layer, weights)) in self.layers.iter().zip(weights).enumerate() {
            let mode = match streams.as_deref_mut() {
                Some(streams) => Mode::Training(streams.get_mut(index).and_then(Option::as_mut)),
                None => Mode::Inference,
            };
            let inputs = match index {
                0 => vec![&input],
                _ => trace.inputs(layer),
            };
            let (value, saved) = layers::forward(layer, &inputs, weights, mode)
                .and_then(|(value, saved)| Ok((checked(layer, value)?, saved)))
                .map_err(|error| error.at(&layer.name))?;
            trace.values.push(value);
            trace.saved.push(saved);
        }
        Ok(trace)
    }

    /// The output before the split-off activation, and after it.
    pub(crate) fn outputs(&self, trace: &Trace) -> Result<(Tensor, Tensor)> {
        let Some(before) = trace.values.get(self.output) else {
            return Err(candle_core::Error::Msg("the output was not computed".to_owned()).into());
        };
        Ok((before.clone(), layers::activate(self.head, before)?))
    }

    /// The gradients of all weights from that of the output (before the split-off activation).
    pub(crate) fn backward(
        &self,
        weights: &[Vec<Tensor>],
        mut trace: Trace,
        grad: Tensor,
    ) -> std::result::Result<GraphGradients, Fault> {
        let mut grads: Vec<Option<Tensor>> = vec![None; self.layers.len()];
        let mut result: GraphGradients = vec![Vec::new(); self.layers.len()];
        if let Some(place) = grads.get_mut(self.output) {
            *place = Some(grad);
        }
        for index in (1..self.layers.len()).rev() {
            // Later layers are done, so their values are no longer needed.
            trace.values.truncate(index + 1);
            let (Some(layer), Some(weights)) = (self.layers.get(index), weights.get(index)) else {
                continue;
            };
            let Some(grad) = grads.get_mut(index).and_then(Option::take) else {
                continue;
            };
            if !self.trained.get(index).is_some_and(|trained| *trained) {
                continue;
            }
            let gradients = self
                .layer_backward(index, layer, weights, &trace, grad)
                .map_err(|error| error.at(&layer.name))?;
            for (&input, gradient) in layer.inputs.iter().zip(gradients.inputs) {
                if let (Some(place), Some(gradient)) = (grads.get_mut(input), gradient) {
                    add(place, gradient).map_err(|error| error.at(&layer.name))?;
                }
            }
            if let Some(place) = result.get_mut(index) {
                *place = gradients.weights;
            }
        }
        Ok(result)
    }

    fn layer_backward(
        &self,
        index: usize,
        layer: &LayerSpec,
        weights: &[Tensor],
        trace: &Trace,
        grad: Tensor,
    ) -> Result<layers::Gradients> {
        let wanted = Wanted {
            inputs: (layer.inputs.iter()).any(|&i| self.trained.get(i).is_some_and(|t| *t)),
            weights: layer.weights.iter().any(|weight| weight.trainable),
        };
        let inputs = trace.inputs(layer);
        let (Some(value), Some(saved)) = (trace.values.get(index), trace.saved.get(index)) else {
            return Err(candle_core::Error::Msg("a value is missing".to_owned()).into());
        };
        layers::backward(layer, &inputs, value, saved, weights, grad, wanted)
    }
}

impl Trace {
    fn inputs(&self, layer: &LayerSpec) -> Vec<&Tensor> {
        layer
            .inputs
            .iter()
            .filter_map(|&input| self.values.get(input))
            .collect()
    }
}

/// Adds to the gradient of a value that several layers take.
fn add(place: &mut Option<Tensor>, gradient: Tensor) -> Result<()> {
    *place = Some(match place.take() {
        Some(sum) => (sum + gradient)?,
        None => gradient,
    });
    Ok(())
}

fn activation_of(kind: &mut LayerKind) -> Option<&mut Activation> {
    match kind {
        LayerKind::Dense { activation, .. }
        | LayerKind::Conv2d { activation, .. }
        | LayerKind::DepthwiseConv2d { activation, .. }
        | LayerKind::Activation(activation) => Some(activation),
        _ => None,
    }
}

/// The value, if it has the shape that the model says.
pub(crate) fn checked(layer: &LayerSpec, value: Tensor) -> Result<Tensor> {
    let shape = value.dims().get(1..).unwrap_or_default();
    if shape == layer.output_shape {
        return Ok(value);
    }
    let LayerSpec {
        name, output_shape, ..
    } = layer;
    Err(Error::Fault(Fault::model(
        "model.shape",
        format!(
            "layer {name} should give {output_shape:?} but its inputs and weights make {shape:?}"
        ),
    )))
}
