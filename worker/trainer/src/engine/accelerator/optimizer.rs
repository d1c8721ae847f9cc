//! The optimizers' rules in candle's operations; the numbers of a step are worked out as on the CPU.

use candle_core::{Device, Tensor, Var};

use crate::engine::error::Result;
use crate::engine::optimizer::{Rule, Stepper, Update};
use crate::engine::tensor::view;
use crate::spec::{Clip, Optimizer};

/// An optimizer and what it remembers, on a device.
pub(super) struct DeviceStepper {
    settings: Optimizer,
    iterations: i64,
    learning_rate: f32,
    /// `slots[kind][weight]`, as [`Stepper`] has them.
    slots: Vec<Vec<Tensor>>,
}

impl DeviceStepper {
    /// A copy of `stepper` on the device.
    pub(super) fn new(stepper: &Stepper, device: &Device) -> Result<Self> {
        let slots: candle_core::Result<Vec<Vec<Tensor>>> = (stepper.slots().iter())
            .map(|kind| {
                let shaped = kind.iter().zip(stepper.shapes());
                shaped
                    .map(|(slot, shape)| Tensor::from_slice(slot, shape.as_slice(), device))
                    .collect()
            })
            .collect();
        Ok(Self {
            settings: stepper.settings().clone(),
            iterations: stepper.iterations(),
            learning_rate: stepper.learning_rate(),
            slots: slots?,
        })
    }

    /// Brings `stepper` to where this copy of it is.
    pub(super) fn copy_to(&self, stepper: &mut Stepper) -> Result<()> {
        let mut slots = Vec::with_capacity(self.slots.len());
        for kind in &self.slots {
            let mut copies = Vec::with_capacity(kind.len());
            for slot in kind {
                let slot = slot.to_device(&Device::Cpu)?.contiguous()?;
                copies.push(view(&slot)?.to_vec());
            }
            slots.push(copies);
        }
        stepper.take_over(self.iterations, slots);
        Ok(())
    }

    /// One step of every weight.
    pub(super) fn step(&mut self, weights: &[&Var], mut gradients: Vec<Tensor>) -> Result<()> {
        if let Some(limit) = self.settings.clip {
            clip(limit, &mut gradients)?;
        }
        let update = Update::new(&self.settings, self.learning_rate, self.iterations);
        for (index, (weight, gradient)) in weights.iter().zip(&gradients).enumerate() {
            let mut own: Vec<&mut Tensor> = (self.slots.iter_mut())
                .filter_map(|kind| kind.get_mut(index))
                .collect();
            let mut value = weight.as_detached_tensor();
            if let Some((decay, rate)) = update.decay {
                let lost = value.affine(f64::from(decay), 0.0)?;
                value = (value - lost.affine(f64::from(rate), 0.0)?)?;
            }
            weight.set(&moved(&update.rule, value, gradient, &mut own)?)?;
        }
        self.iterations += 1;
        Ok(())
    }
}

/// The weight after one step.
fn moved(rule: &Rule, w: Tensor, g: &Tensor, slots: &mut [&mut Tensor]) -> Result<Tensor> {
    match *rule {
        Rule::Sgd {
            rate,
            momentum,
            nesterov,
        } => {
            let step = g.affine(f64::from(rate), 0.0)?;
            let [velocity, ..] = slots else {
                return Ok((w - step)?);
            };
            **velocity = (velocity.affine(f64::from(momentum), 0.0)? - &step)?;
            Ok(if nesterov {
                (w + (velocity.affine(f64::from(momentum), 0.0)? - step)?)?
            } else {
                (w + &**velocity)?
            })
        }
        Rule::Adam {
            alpha,
            take_1,
            take_2,
            epsilon,
        } => {
            let [m, v, rest @ ..] = slots else {
                return Ok(w);
            };
            **m = (&**m + (g - &**m)?.affine(f64::from(take_1), 0.0)?)?;
            **v = (&**v + (g.sqr()? - &**v)?.affine(f64::from(take_2), 0.0)?)?;
            let spread = match rest {
                [largest, ..] => {
                    **largest = largest.maximum(&**v)?;
                    largest.sqrt()?
                }
                [] => v.sqrt()?,
            };
            let step = m.affine(f64::from(alpha), 0.0)?;
            Ok((w - (step / spread.affine(1.0, f64::from(epsilon))?)?)?)
        }
        Rule::RmsProp { .. } => rms_prop(rule, w, g, slots),
    }
}

fn rms_prop(rule: &Rule, w: Tensor, g: &Tensor, slots: &mut [&mut Tensor]) -> Result<Tensor> {
    let Rule::RmsProp {
        rate,
        rho,
        take,
        momentum,
        epsilon,
        centered,
    } = *rule
    else {
        return Ok(w);
    };
    let mean = |old: &Tensor, new: &Tensor| {
        old.affine(f64::from(rho), 0.0)? + new.affine(f64::from(take), 0.0)?
    };
    let mut slots = slots.iter_mut();
    let Some(velocity) = slots.next() else {
        return Ok(w);
    };
    let momenta = if momentum > 0.0 { slots.next() } else { None };
    let average = if centered { slots.next() } else { None };
    **velocity = mean(velocity, &g.sqr()?)?;
    let mut spread = (**velocity).clone();
    if let Some(average) = average {
        **average = mean(average, g)?;
        spread = (spread - average.sqr()?)?;
    }
    let spread = spread.affine(1.0, f64::from(epsilon))?.sqrt()?;
    let step = (g.affine(f64::from(rate), 0.0)? / spread)?;
    match momenta {
        Some(momenta) => {
            **momenta = (momenta.affine(f64::from(momentum), 0.0)? + step)?;
            Ok((w - &**momenta)?)
        }
        None => Ok((w - step)?),
    }
}

/// Clips gradients as Keras does; a limit that is not above 0 is none.
fn clip(clip: Clip, gradients: &mut [Tensor]) -> Result<()> {
    match clip {
        Clip::Value(limit) if limit > 0.0 => {
            for gradient in gradients {
                *gradient = gradient.clamp(-limit, limit)?;
            }
        }
        Clip::Norm(limit) if limit > 0.0 => {
            for gradient in gradients {
                let norm = squares(gradient)?.sqrt() as f32;
                *gradient = gradient.affine(f64::from(limit / norm.max(limit)), 0.0)?;
            }
        }
        Clip::GlobalNorm(limit) if limit > 0.0 => {
            let mut sum = 0.0;
            for gradient in gradients.iter() {
                sum += squares(gradient)?;
            }
            let scale = limit * (1.0 / sum.sqrt() as f32).min(1.0 / limit);
            for gradient in gradients {
                *gradient = gradient.affine(f64::from(scale), 0.0)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn squares(gradient: &Tensor) -> Result<f64> {
    Ok(f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?))
}
