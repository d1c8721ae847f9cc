//! Training on a device of candle's own, such as a GPU.
//!
//! The CPU's layers work on slices in main memory; here the same layers stand as candle's operations, and candle
//! works out the gradients. They are so composed that every gradient is the right one: none of the operations whose
//! gradient candle lacks or gets wrong is used (fused softmax and layer norm, max pooling, relu at zero). The golden
//! numbers from Keras hold for both. Loss, metrics and random choices stay on the CPU, so they are the same code.

mod activation;
mod layers;
mod norm;
mod optimizer;
mod pooling;
mod window;

use assay_protocol::Fault;
use candle_core::{Device, Tensor, Var};
use rand_chacha::ChaCha8Rng;

use super::error::{Error, Result};
use super::graph::Graph;
use super::optimizer::Stepper;
use super::weights::{no_gradient, trainable};
use crate::spec::{LayerSpec, ModelSpec};
use layers::Pass;
use optimizer::DeviceStepper;

/// A model's weights and its optimizer on a device.
pub(super) struct Accelerator {
    device: Device,
    weights: Vec<Vec<Var>>,
    stepper: DeviceStepper,
}

/// The output of a forward pass, on the device, and what candle needs to go back from it.
pub(super) struct Outputs {
    /// Before the split-off activation.
    pub(super) before: Tensor,
    /// After it.
    pub(super) after: Tensor,
}

impl Outputs {
    /// Both in main memory.
    pub(super) fn fetch(&self) -> std::result::Result<(Tensor, Tensor), Fault> {
        let fetch = |tensor: &Tensor| -> Result<Tensor> {
            Ok(tensor.detach().to_device(&Device::Cpu)?.contiguous()?)
        };
        Ok((
            fetch(&self.before).map_err(at_copy)?,
            fetch(&self.after).map_err(at_copy)?,
        ))
    }
}

impl Accelerator {
    /// Copies weights and optimizer to the device.
    pub(super) fn new(
        device: Device,
        weights: &[Vec<Tensor>],
        stepper: &Stepper,
    ) -> std::result::Result<Self, Fault> {
        let copy = |layer: &Vec<Tensor>| -> Result<Vec<Var>> {
            let var = |weight: &Tensor| Ok(Var::from_tensor(&weight.to_device(&device)?)?);
            layer.iter().map(var).collect()
        };
        let weights: Result<Vec<Vec<Var>>> = weights.iter().map(copy).collect();
        Ok(Self {
            weights: weights.map_err(at_copy)?,
            stepper: DeviceStepper::new(stepper, &device).map_err(at_copy)?,
            device,
        })
    }

    /// Computes every layer. `streams[i]` is layer `i`'s stream in training; no streams mean inference.
    pub(super) fn forward(
        &self,
        graph: &Graph,
        input: &Tensor,
        mut streams: Option<&mut [Option<ChaCha8Rng>]>,
    ) -> std::result::Result<Outputs, Fault> {
        let input = input
            .to_device(&self.device)
            .map_err(|error| at_copy(error.into()))?;
        let mut values: Vec<Tensor> = Vec::with_capacity(graph.layers().len());
        for (index, (layer, weights)) in graph.layers().iter().zip(&self.weights).enumerate() {
            let inputs: Vec<&Tensor> = match index {
                0 => vec![&input],
                _ => layer.inputs.iter().filter_map(|&i| values.get(i)).collect(),
            };
            let pass = Pass {
                training: streams.is_some(),
                stream: (streams.as_deref_mut())
                    .and_then(|streams| streams.get_mut(index)?.as_mut()),
            };
            let value = self
                .layer(layer, &inputs, weights, pass)
                .and_then(|value| super::graph::checked(layer, value))
                .map_err(|error| error.at(&layer.name))?;
            values.push(value);
        }
        let outputs = || -> Result<Outputs> {
            let before = values.get(graph.output()).cloned();
            let before = before
                .ok_or_else(|| candle_core::Error::Msg("the output was not computed".to_owned()))?;
            let after = activation::forward(graph.head(), &before)?;
            Ok(Outputs { before, after })
        };
        outputs().map_err(|error| error.at("the output"))
    }

    fn layer(
        &self,
        layer: &LayerSpec,
        inputs: &[&Tensor],
        weights: &[Var],
        pass: Pass<'_>,
    ) -> Result<Tensor> {
        // What is not trained needs no gradient.
        let used: Vec<Tensor> = (weights.iter().zip(&layer.weights))
            .map(|(var, spec)| match spec.trainable {
                true => var.as_tensor().clone(),
                false => var.as_detached_tensor(),
            })
            .collect();
        let (value, statistics) = layers::forward(layer, inputs, &used, pass)?;
        // The running statistics are the last weights of their layer.
        if let (Some(moved), Some(first)) = (statistics, weights.len().checked_sub(2)) {
            for (var, value) in weights.iter().skip(first).zip(moved) {
                var.set(&value)?;
            }
        }
        Ok(value)
    }

    /// The gradient of every trained weight, from that of the output.
    pub(super) fn backward(
        &self,
        spec: &ModelSpec,
        outputs: &Outputs,
        gradient: &Tensor,
    ) -> std::result::Result<Vec<Tensor>, Fault> {
        let back = || -> Result<_> {
            let gradient = gradient.to_device(&self.device)?;
            Ok((&outputs.before * gradient)?.sum_all()?.backward()?)
        };
        let gradients = back().map_err(|error| error.at("the gradients"))?;
        trainable(spec)
            .map(|(layer, weight)| {
                let var = self.weights.get(layer).and_then(|all| all.get(weight));
                let gradient = var.and_then(|var| Some((var, gradients.get(var)?)));
                match gradient {
                    Some((var, gradient)) if var.dims() == gradient.dims() => Ok(gradient.clone()),
                    _ => Err(no_gradient(spec, layer, weight)),
                }
            })
            .collect()
    }

    /// One step of every trained weight.
    pub(super) fn descend(
        &mut self,
        spec: &ModelSpec,
        gradients: Vec<Tensor>,
    ) -> std::result::Result<(), Fault> {
        let vars: Vec<&Var> = trainable(spec)
            .filter_map(|(layer, weight)| self.weights.get(layer)?.get(weight))
            .collect();
        self.stepper
            .step(&vars, gradients)
            .map_err(|error| error.at("the optimizer"))
    }

    /// The weights as they are now, in main memory.
    pub(super) fn weights(&self) -> std::result::Result<Vec<Vec<Tensor>>, Fault> {
        let copy = |layer: &Vec<Var>| -> Result<Vec<Tensor>> {
            let tensor = |var: &Var| Ok(var.as_detached_tensor().to_device(&Device::Cpu)?);
            layer.iter().map(tensor).collect()
        };
        let weights: Result<_> = self.weights.iter().map(copy).collect();
        weights.map_err(at_copy)
    }

    /// Brings the optimizer in main memory to where the device's is.
    pub(super) fn copy_optimizer(&self, stepper: &mut Stepper) -> std::result::Result<(), Fault> {
        self.stepper.copy_to(stepper).map_err(at_copy)
    }
}

fn at_copy(error: Error) -> Fault {
    error.at("a copy between memory and device")
}
