use std::sync::Arc;

use assay_protocol::Fault;
use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;
use rayon::ThreadPool;

use super::accelerator::Accelerator;
use super::arithmetic::threads;
use super::device::Device;
use super::error::Error;
use super::graph::{Graph, GraphGradients};
use super::losses::{Value, loss};
use super::optimizer::Stepper;
use super::random::stream;
use super::rows::Labels;
use super::targets::Targets;
use super::tensor::{tensor, view};
use super::weights::{no_gradient, shape_of, tensors, trainable};
use crate::spec::{Array, LayerKind, ModelSpec, OptimizerState, Weights};

/// Rows that are predicted at a time.
const PREDICTED_ROWS: usize = 256;

/// A model with its weights and optimizer, ready to predict and to be trained.
pub struct Engine {
    spec: ModelSpec,
    graph: Graph,
    weights: Vec<Vec<Tensor>>,
    stepper: Stepper,
    /// One for each layer that drops numbers.
    streams: Vec<Option<ChaCha8Rng>>,
    pool: Arc<ThreadPool>,
    seed: u64,
    gradients_checked: bool,
    /// Where it computes, if not on the CPU. `weights` and `stepper` are then those of the last epoch's end.
    accelerator: Option<Accelerator>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("spec", &self.spec)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// What a batch gave.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) loss: f64,
    pub(crate) output: Vec<f32>,
    pub(crate) targets: Targets,
}

impl Engine {
    /// A model with these weights, its optimizer going on from `state` or starting anew; `seed` is dropout's.
    ///
    /// It computes with as many threads as there are processors; [`Engine::with_threads`] sets another number.
    ///
    /// # Errors
    /// `model.*` when weights, state and layers do not fit together; `trainer.threads` when the machine gives
    /// no threads.
    pub fn new(
        spec: &ModelSpec,
        weights: Weights,
        state: Option<OptimizerState>,
        seed: u64,
    ) -> Result<Self, Fault> {
        let graph = Graph::new(spec)?;
        let tensors = tensors(spec, weights)?;
        let shapes = trainable(spec)
            .map(|(layer, weight)| shape_of(spec, layer, weight))
            .collect();
        let stepper = Stepper::new(&spec.compile.optimizer, shapes, state)?;
        Ok(Self {
            spec: spec.clone(),
            graph,
            weights: tensors,
            stepper,
            streams: Vec::new(),
            pool: Arc::new(threads(0)?),
            seed,
            gradients_checked: false,
            accelerator: None,
        })
    }

    /// Computes on `device` from now on.
    ///
    /// # Errors
    /// `trainer.device` when the device cannot be had or has no room for the weights.
    pub fn move_to(&mut self, device: &Device) -> Result<(), Fault> {
        self.accelerator = match device.accelerator()? {
            None => None,
            Some(device) => Some(Accelerator::new(device, &self.weights, &self.stepper)?),
        };
        Ok(())
    }

    /// The same engine on `count` threads; the results are the same bit for bit.
    ///
    /// # Errors
    /// `trainer.threads` when the machine does not give that many.
    pub fn with_threads(self, count: usize) -> Result<Self, Fault> {
        let pool = Arc::new(threads(count)?);
        Ok(Self { pool, ..self })
    }

    /// How many threads it computes with.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// The model's output for `rows` rows of input, row by row, in inference mode.
    ///
    /// # Errors
    /// When `x` does not hold `rows` rows, or a number cannot be looked up in an embedding.
    pub fn predict(&self, x: &[f32], rows: usize) -> Result<Vec<f32>, Fault> {
        let width: usize = self.input_shape().iter().product();
        if x.len() != rows.saturating_mul(width) {
            let message = format!("{} numbers are not {rows} rows of {width}", x.len());
            return Err(Fault::without_field("trainer.rows", message));
        }
        let mut output = Vec::with_capacity(rows * self.output_width());
        self.pool.install(|| {
            for part in x.chunks((PREDICTED_ROWS * width).max(1)) {
                let (_, predicted) = self.outputs(self.input(part.to_vec())?)?;
                output.extend_from_slice(&view(&predicted).map_err(|e| at_output(e.into()))?);
            }
            Ok(output)
        })
    }

    /// The output for a batch in inference mode, in main memory: before the split-off activation, and after it.
    fn outputs(&self, input: Tensor) -> Result<(Tensor, Tensor), Fault> {
        if let Some(accelerator) = &self.accelerator {
            return accelerator.forward(&self.graph, &input, None)?.fetch();
        }
        let trace = self.graph.forward(&self.weights, input, None)?;
        self.graph.outputs(&trace).map_err(at_output)
    }

    /// The weights: on an accelerator those of the end of the last epoch, else as they are now.
    pub fn weights(&self) -> Weights {
        let array = |tensor: &Tensor| Array {
            shape: tensor.dims().to_vec(),
            // Weights are contiguous from the start and stay so.
            data: view(tensor)
                .map(|numbers| numbers.to_vec())
                .unwrap_or_default(),
        };
        let layers = self
            .weights
            .iter()
            .map(|layer| layer.iter().map(array).collect())
            .collect();
        Weights { layers }
    }

    /// What the optimizer remembers, in the order of Keras' `optimizer/vars`.
    pub fn optimizer_state(&self) -> OptimizerState {
        self.stepper.state()
    }

    /// The model.
    pub(crate) fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    pub(crate) fn input_shape(&self) -> &[usize] {
        self.spec
            .layers
            .first()
            .map(|layer| layer.output_shape.as_slice())
            .unwrap_or_default()
    }

    fn output_width(&self) -> usize {
        let output = self.spec.layers.get(self.spec.output);
        output.map_or(0, |layer| layer.output_shape.iter().product())
    }

    fn input(&self, x: Vec<f32>) -> Result<Tensor, Fault> {
        let width: usize = self.input_shape().iter().product();
        let mut shape = vec![x.len() / width.max(1)];
        shape.extend(self.input_shape());
        tensor(x, shape).map_err(|error| Error::from(error).at("the input"))
    }

    /// Starts the streams of an epoch's dropout.
    pub(crate) fn begin_epoch(&mut self, epoch: u32) {
        let stream_of = |layer: &crate::spec::LayerSpec| match layer.kind {
            LayerKind::Dropout { .. } => Some(stream(
                &format!("dropout/{}", layer.name),
                self.seed,
                Some(epoch),
            )),
            _ => None,
        };
        self.streams = self.spec.layers.iter().map(stream_of).collect();
    }

    /// One step on one batch, in training mode.
    pub(crate) fn train_batch(&mut self, x: Vec<f32>, labels: &Labels) -> Result<Batch, Fault> {
        let input = self.input(x)?;
        let pool = Arc::clone(&self.pool);
        pool.install(|| self.step(input, labels))
    }

    /// Loss of one batch in training mode, and the gradient of each trainable weight: layer, weight, numbers.
    #[cfg(test)]
    pub(crate) fn probe(
        &mut self,
        x: Vec<f32>,
        labels: &Labels,
    ) -> (f64, Vec<(usize, usize, Vec<f32>)>) {
        let input = self.input(x).unwrap();
        if self.accelerator.is_some() {
            let (batch, gradients) = self.device_gradients(&input, labels).unwrap();
            let numbers = |((layer, weight), gradient): ((usize, usize), Tensor)| {
                let gradient = gradient.to_device(&candle_core::Device::Cpu).unwrap();
                let gradient = gradient.contiguous().unwrap();
                (layer, weight, view(&gradient).unwrap().to_vec())
            };
            let all = trainable(&self.spec).zip(gradients.unwrap());
            return (batch.loss, all.map(numbers).collect());
        }
        let (batch, gradients) = self.gradients(input, labels).unwrap();
        let gradients = gradients.unwrap();
        let numbers = |(layer, weight): (usize, usize)| {
            let gradient = gradients[layer][weight].as_ref().unwrap();
            (layer, weight, view(gradient).unwrap().to_vec())
        };
        (batch.loss, trainable(&self.spec).map(numbers).collect())
    }

    /// Loss and output of one batch, in inference mode.
    pub(crate) fn test_batch(&self, x: Vec<f32>, labels: &Labels) -> Result<Batch, Fault> {
        let input = self.input(x)?;
        self.pool.install(|| {
            let (before, after) = self.outputs(input)?;
            let (batch, _) = self.measure(&before, &after, labels)?;
            Ok(batch)
        })
    }

    /// Fetches weights and optimizer from where they were trained.
    pub(crate) fn end_epoch(&mut self) -> Result<(), Fault> {
        if let Some(accelerator) = &self.accelerator {
            self.weights = accelerator.weights()?;
            accelerator.copy_optimizer(&mut self.stepper)?;
        }
        Ok(())
    }

    fn step(&mut self, input: Tensor, labels: &Labels) -> Result<Batch, Fault> {
        if self.accelerator.is_some() {
            return self.step_on_device(&input, labels);
        }
        let (batch, gradients) = self.gradients(input, labels)?;
        if let Some(gradients) = gradients {
            self.descend(gradients)?;
        }
        Ok(batch)
    }

    fn step_on_device(&mut self, input: &Tensor, labels: &Labels) -> Result<Batch, Fault> {
        let (batch, gradients) = self.device_gradients(input, labels)?;
        if let (Some(accelerator), Some(gradients)) = (&mut self.accelerator, gradients) {
            accelerator.descend(&self.spec, gradients)?;
        }
        Ok(batch)
    }

    /// As [`Engine::gradients`], on the accelerator: one gradient for each trained weight.
    fn device_gradients(
        &mut self,
        input: &Tensor,
        labels: &Labels,
    ) -> Result<(Batch, Option<Vec<Tensor>>), Fault> {
        let Some(accelerator) = &self.accelerator else {
            return Err(at_output(
                candle_core::Error::Msg("there is no device".to_owned()).into(),
            ));
        };
        let outputs = accelerator.forward(&self.graph, input, Some(&mut self.streams))?;
        let (before, after) = outputs.fetch()?;
        let (batch, gradient) = self.measure(&before, &after, labels)?;
        if !batch.loss.is_finite() {
            return Ok((batch, None));
        }
        let gradient = tensor(gradient, before.shape().clone()).map_err(|e| at_output(e.into()))?;
        let gradients = accelerator.backward(&self.spec, &outputs, &gradient)?;
        Ok((batch, Some(gradients)))
    }

    /// Loss and gradients of one batch in training mode; no gradients if the loss is not a number.
    fn gradients(
        &mut self,
        input: Tensor,
        labels: &Labels,
    ) -> Result<(Batch, Option<GraphGradients>), Fault> {
        let trace = self
            .graph
            .forward(&self.weights, input, Some(&mut self.streams))?;
        let (before, after) = self.graph.outputs(&trace).map_err(at_output)?;
        let (batch, gradient) = self.measure(&before, &after, labels)?;
        if !batch.loss.is_finite() {
            // The caller knows the epoch and the batch.
            return Ok((batch, None));
        }
        let gradient = tensor(gradient, before.shape().clone()).map_err(|e| at_output(e.into()))?;
        let gradients = self.graph.backward(&self.weights, trace, gradient)?;
        Ok((batch, Some(gradients)))
    }

    /// Loss, output and the gradient of the loss by the output (before the split-off activation).
    fn measure(
        &self,
        before: &Tensor,
        after: &Tensor,
        labels: &Labels,
    ) -> Result<(Batch, Vec<f32>), Fault> {
        let (rows, width) = (
            before.dims().first().copied().unwrap_or(0),
            self.output_width(),
        );
        let kind = self.spec.compile.loss;
        let targets = Targets::new(labels, rows, width, kind)?;
        let numbers = view(before).map_err(|e| at_output(e.into()))?;
        let Value { mean, gradient } = loss(kind, self.graph.gives_logits(), &numbers, &targets);
        let output = view(after).map_err(|e| at_output(e.into()))?.to_vec();
        Ok((
            Batch {
                loss: mean,
                output,
                targets,
            },
            gradient,
        ))
    }

    fn descend(&mut self, mut gradients: GraphGradients) -> Result<(), Fault> {
        let mut due = Vec::new();
        let mut weights = Vec::new();
        for (layer, weight) in trainable(&self.spec) {
            let gradient = gradients
                .get_mut(layer)
                .and_then(|all| all.get_mut(weight)?.take());
            let Some(gradient) = gradient else {
                return Err(no_gradient(&self.spec, layer, weight));
            };
            let Some(tensor) = self.weights.get(layer).and_then(|all| all.get(weight)) else {
                continue;
            };
            if !self.gradients_checked && tensor.dims() != gradient.dims() {
                return Err(no_gradient(&self.spec, layer, weight));
            }
            due.push(gradient);
            weights.push(tensor);
        }
        self.gradients_checked = true;
        self.stepper
            .step(&weights, &due)
            .map_err(|error| error.at("the optimizer"))
    }
}

fn at_output(error: Error) -> Fault {
    error.at("the output")
}
