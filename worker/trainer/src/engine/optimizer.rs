//! The optimizers of Keras 3, one pass over each weight, in place.

mod update;

use assay_protocol::Fault;
use candle_core::Tensor;

use super::clip::clip;
use super::error::Result;
use super::tensor::{modify, view};
use crate::spec::{Array, Optimizer, OptimizerRule, OptimizerState};
pub(crate) use update::{Rule, Update};

/// An optimizer and what it remembers.
#[derive(Debug)]
pub(crate) struct Stepper {
    settings: Optimizer,
    iterations: i64,
    learning_rate: f32,
    /// `slots[kind][weight]`; kinds in the order of [`kinds`].
    slots: Vec<Vec<Vec<f32>>>,
    shapes: Vec<Vec<usize>>,
}

/// How many numbers are remembered for each number of a weight.
fn kinds(rule: &OptimizerRule) -> usize {
    match *rule {
        OptimizerRule::Sgd { momentum, .. } => usize::from(momentum != 0.0),
        OptimizerRule::Adam { amsgrad, .. } | OptimizerRule::AdamW { amsgrad, .. } => {
            2 + usize::from(amsgrad)
        }
        OptimizerRule::RmsProp {
            momentum, centered, ..
        } => 1 + usize::from(momentum > 0.0) + usize::from(centered),
    }
}

/// The order of Keras' variables: `(kind, weight)`. Adam's first two kinds alternate weight by weight.
fn order(rule: &OptimizerRule, weights: usize) -> Vec<(usize, usize)> {
    let kinds = kinds(rule);
    let paired = match rule {
        OptimizerRule::Adam { .. } | OptimizerRule::AdamW { .. } => 2,
        _ => 0,
    };
    let pairs = (0..weights).flat_map(|weight| (0..paired).map(move |kind| (kind, weight)));
    let rest = (paired..kinds).flat_map(|kind| (0..weights).map(move |weight| (kind, weight)));
    pairs.chain(rest).collect()
}

impl Stepper {
    /// An optimizer for trainable weights of these shapes, going on from `state` if there is one.
    pub(crate) fn new(
        settings: &Optimizer,
        shapes: Vec<Vec<usize>>,
        state: Option<OptimizerState>,
    ) -> std::result::Result<Self, Fault> {
        let zeros: Vec<Vec<f32>> = shapes
            .iter()
            .map(|shape| vec![0.0; shape.iter().product()])
            .collect();
        let mut stepper = Self {
            settings: settings.clone(),
            iterations: 0,
            learning_rate: settings.learning_rate,
            slots: vec![zeros; kinds(&settings.rule)],
            shapes,
        };
        if let Some(state) = state {
            stepper.resume(state)?;
        }
        Ok(stepper)
    }

    fn resume(&mut self, state: OptimizerState) -> std::result::Result<(), Fault> {
        let order = order(&self.settings.rule, self.shapes.len());
        let unfit = |what: String| {
            let message = format!("the optimizer's state does not fit the model: {what}");
            Fault::model("model.optimizer_state", message)
        };
        if state.slots.len() != order.len() {
            let (given, due) = (state.slots.len(), order.len());
            return Err(unfit(format!("it has {given} variables, {due} are due")));
        }
        for (&(kind, weight), array) in order.iter().zip(state.slots) {
            let due = self
                .shapes
                .get(weight)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let slot = self
                .slots
                .get_mut(kind)
                .and_then(|slots| slots.get_mut(weight));
            match slot {
                Some(slot) if array.shape == due && slot.len() == array.data.len() => {
                    *slot = array.data
                }
                _ => {
                    return Err(unfit(format!(
                        "a variable has shape {:?}, {due:?} is due",
                        array.shape
                    )));
                }
            }
        }
        self.iterations = state.iterations;
        self.learning_rate = state.learning_rate;
        Ok(())
    }

    pub(crate) fn settings(&self) -> &Optimizer {
        &self.settings
    }

    pub(crate) fn iterations(&self) -> i64 {
        self.iterations
    }

    pub(crate) fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// The shapes of the trained weights.
    pub(crate) fn shapes(&self) -> &[Vec<usize>] {
        &self.shapes
    }

    /// What is remembered: for each kind, for each weight.
    pub(crate) fn slots(&self) -> &[Vec<Vec<f32>>] {
        &self.slots
    }

    /// Takes over what a copy of it remembers after more steps.
    pub(crate) fn take_over(&mut self, iterations: i64, slots: Vec<Vec<Vec<f32>>>) {
        self.iterations = iterations;
        self.slots = slots;
    }

    /// What is remembered, in the order of Keras' `optimizer/vars`.
    pub(crate) fn state(&self) -> OptimizerState {
        let slots = order(&self.settings.rule, self.shapes.len())
            .into_iter()
            .filter_map(|(kind, weight)| {
                let data = self.slots.get(kind)?.get(weight)?.clone();
                Some(Array {
                    shape: self.shapes.get(weight)?.clone(),
                    data,
                })
            })
            .collect();
        OptimizerState {
            iterations: self.iterations,
            learning_rate: self.learning_rate,
            slots,
        }
    }

    /// One step of every weight; `gradients` are used up.
    pub(crate) fn step(&mut self, weights: &[&Tensor], gradients: &[Tensor]) -> Result<()> {
        if let Some(limit) = self.settings.clip {
            clip(limit, gradients)?;
        }
        let update = Update::new(&self.settings, self.learning_rate, self.iterations);
        let mut slots: Vec<_> = self.slots.iter_mut().map(|kind| kind.iter_mut()).collect();
        for (weight, gradient) in weights.iter().zip(gradients) {
            let own: Vec<&mut [f32]> = slots
                .iter_mut()
                .filter_map(|kind| kind.next().map(Vec::as_mut_slice))
                .collect();
            let gradient = view(gradient)?;
            modify(weight, |weight| update.run(weight, &gradient, own))?;
        }
        self.iterations += 1;
        Ok(())
    }
}
