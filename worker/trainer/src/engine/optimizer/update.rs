use rayon::prelude::*;

use crate::engine::math::{BLOCK, decimal};
use crate::spec::{Optimizer, OptimizerRule};

/// One step's rule with its numbers worked out.
pub(crate) struct Update {
    /// Learning rate times weight decay, if there is any: `(decay, rate)`.
    pub(crate) decay: Option<(f32, f32)>,
    pub(crate) rule: Rule,
}

/// An optimizer's rule for one step.
pub(crate) enum Rule {
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
    pub(crate) fn new(settings: &Optimizer, rate: f32, iterations: i64) -> Self {
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
    pub(super) fn run(&self, weight: &mut [f32], gradient: &[f32], slots: Vec<&mut [f32]>) {
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
