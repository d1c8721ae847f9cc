//! The optimizers of Keras 3, one pass over each weight, in place.

use assay_protocol::Fault;
use candle_core::Tensor;
use rayon::prelude::*;

use super::clip::clip;
use super::error::Result;
use super::math::{BLOCK, decimal};
use super::tensor::{modify, view};
use crate::spec::{Array, Optimizer, OptimizerRule, OptimizerState};

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

/// One step's rule with its numbers worked out.
struct Update {
    /// Learning rate times weight decay, if there is any: `(decay, rate)`.
    decay: Option<(f32, f32)>,
    rule: Rule,
}

enum Rule {
    Sgd {
        rate: f32,
        momentum: f32,
        nesterov: bool,
    },
    Adam {
        alpha: f32,
        take_1: f32,
        take_2: f32,
        epsilon: f32,
    },
    RmsProp {
        rate: f32,
        rho: f32,
        take: f32,
        momentum: f32,
        epsilon: f32,
        centered: bool,
    },
}

impl Update {
    fn new(settings: &Optimizer, rate: f32, iterations: i64) -> Self {
        let rule = match settings.rule {
            OptimizerRule::Sgd { momentum, nesterov } => Rule::Sgd {
                rate,
                momentum,
                nesterov,
            },
            OptimizerRule::Adam {
                beta_1,
                beta_2,
                epsilon,
                ..
            }
            | OptimizerRule::AdamW {
                beta_1,
                beta_2,
                epsilon,
                ..
            } => {
                // Keras works out the bias correction in 32 bits.
                let step = (iterations + 1) as f32;
                let correction_1 = 1.0 - libm::powf(beta_1, step);
                let correction_2 = 1.0 - libm::powf(beta_2, step);
                Rule::Adam {
                    alpha: rate * correction_2.sqrt() / correction_1,
                    take_1: (1.0 - decimal(beta_1)) as f32,
                    take_2: (1.0 - decimal(beta_2)) as f32,
                    epsilon,
                }
            }
            OptimizerRule::RmsProp {
                rho,
                momentum,
                epsilon,
                centered,
            } => Rule::RmsProp {
                rate,
                rho,
                take: (1.0 - decimal(rho)) as f32,
                momentum,
                epsilon,
                centered,
            },
        };
        Self {
            decay: settings.weight_decay.map(|decay| (decay, rate)),
            rule,
        }
    }

    /// Goes over a weight block by block; each number depends on nothing but its own, so blocks may run at once.
    fn run(&self, weight: &mut [f32], gradient: &[f32], slots: Vec<&mut [f32]>) {
        let mut slots = slots.into_iter().map(|slot| slot.par_chunks_mut(BLOCK));
        let blocks = weight.par_chunks_mut(BLOCK).zip(gradient.par_chunks(BLOCK));
        match (slots.next(), slots.next(), slots.next()) {
            (None, ..) => blocks.for_each(|(w, g)| self.block(w, g, [])),
            (Some(a), None, _) => blocks.zip(a).for_each(|((w, g), a)| self.block(w, g, [a])),
            (Some(a), Some(b), None) => blocks
                .zip(a.zip(b))
                .for_each(|((w, g), (a, b))| self.block(w, g, [a, b])),
            (Some(a), Some(b), Some(c)) => blocks
                .zip(a.zip(b.zip(c)))
                .for_each(|((w, g), (a, (b, c)))| self.block(w, g, [a, b, c])),
        }
    }

    fn block<const N: usize>(&self, w: &mut [f32], g: &[f32], slots: [&mut [f32]; N]) {
        if let Some((decay, rate)) = self.decay {
            w.iter_mut().for_each(|w| *w -= *w * decay * rate);
        }
        match self.rule {
            Rule::Sgd {
                rate,
                momentum,
                nesterov,
            } => sgd(w, g, slots.into_iter(), rate, momentum, nesterov),
            Rule::Adam {
                alpha,
                take_1,
                take_2,
                epsilon,
            } => {
                adam(w, g, slots.into_iter(), alpha, [take_1, take_2], epsilon);
            }
            Rule::RmsProp { .. } => self.rms_prop(w, g, slots.into_iter()),
        }
    }

    fn rms_prop<'a>(
        &self,
        w: &mut [f32],
        g: &[f32],
        mut slots: impl Iterator<Item = &'a mut [f32]>,
    ) {
        let Rule::RmsProp {
            rate,
            rho,
            take,
            momentum,
            epsilon,
            centered,
        } = self.rule
        else {
            return;
        };
        let Some(velocity) = slots.next() else { return };
        let mut momenta = if momentum > 0.0 { slots.next() } else { None };
        let mut averages = if centered { slots.next() } else { None };
        for (i, ((w, &g), v)) in w.iter_mut().zip(g).zip(velocity).enumerate() {
            *v = rho * *v + take * (g * g);
            let mut denominator = *v + epsilon;
            if let Some(average) = averages.as_mut().and_then(|a| a.get_mut(i)) {
                *average = rho * *average + take * g;
                denominator = *v - *average * *average + epsilon;
            }
            let increment = rate * g / denominator.sqrt();
            match momenta.as_mut().and_then(|m| m.get_mut(i)) {
                Some(m) => {
                    *m = momentum * *m + increment;
                    *w -= *m;
                }
                None => *w -= increment,
            }
        }
    }
}

fn sgd<'a>(
    w: &mut [f32],
    g: &[f32],
    mut slots: impl Iterator<Item = &'a mut [f32]>,
    rate: f32,
    momentum: f32,
    nesterov: bool,
) {
    let Some(velocity) = slots.next() else {
        w.iter_mut().zip(g).for_each(|(w, g)| *w -= g * rate);
        return;
    };
    for ((w, g), m) in w.iter_mut().zip(g).zip(velocity) {
        *m = *m * momentum - g * rate;
        *w += if nesterov {
            *m * momentum - g * rate
        } else {
            *m
        };
    }
}

/// Epsilon stands outside the bias correction, as in Keras.
fn adam<'a>(
    w: &mut [f32],
    g: &[f32],
    mut slots: impl Iterator<Item = &'a mut [f32]>,
    alpha: f32,
    [take_1, take_2]: [f32; 2],
    epsilon: f32,
) {
    let (Some(m), Some(v)) = (slots.next(), slots.next()) else {
        return;
    };
    let moving = w.iter_mut().zip(g).zip(m.iter_mut().zip(v.iter_mut()));
    match slots.next() {
        None => {
            for ((w, &g), (m, v)) in moving {
                *m += (g - *m) * take_1;
                *v += (g * g - *v) * take_2;
                *w -= *m * alpha / (v.sqrt() + epsilon);
            }
        }
        Some(largest) => {
            for (((w, &g), (m, v)), largest) in moving.zip(largest) {
                *m += (g - *m) * take_1;
                *v += (g * g - *v) * take_2;
                *largest = largest.max(*v);
                *w -= *m * alpha / (largest.sqrt() + epsilon);
            }
        }
    }
}
