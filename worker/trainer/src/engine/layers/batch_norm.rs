//! Batch normalization as Keras has it: population variance, running statistics by momentum.

use candle_core::Tensor;

use super::moments::{gradient_sums, moments};
use super::{Saved, WeightGradients, one_a_column};
use crate::engine::error::Result;
use crate::engine::math::{decimal, for_blocks};
use crate::engine::tensor::{modify, tensor, view};

/// The settings and weights of a layer.
#[derive(Clone, Copy)]
pub(crate) struct BatchNorm<'a> {
    pub(crate) axis: usize,
    pub(crate) momentum: f32,
    pub(crate) epsilon: f32,
    pub(crate) gamma: Option<&'a Tensor>,
    pub(crate) beta: Option<&'a Tensor>,
    pub(crate) mean: &'a Tensor,
    pub(crate) variance: &'a Tensor,
}

impl BatchNorm<'_> {
    /// The input with the normalized axis last, contiguous.
    fn turned(&self, input: &Tensor) -> candle_core::Result<Tensor> {
        let last = input.rank().saturating_sub(1);
        if self.axis + 1 >= last {
            return Ok(input.clone());
        }
        input.transpose(self.axis + 1, last)?.contiguous()
    }

    /// Normalizes with the batch's statistics, and moves the running ones, if `from_batch`; else with the
    /// running ones.
    pub(crate) fn forward(&self, input: &Tensor, from_batch: bool) -> Result<(Tensor, Saved)> {
        let input = self.turned(input)?;
        let width = input.dims().last().copied().unwrap_or(1);
        let statistics = [Some(self.mean), Some(self.variance)];
        one_a_column(&[&statistics[..], &[self.gamma, self.beta]].concat(), width)?;
        let (mean, variance): (Vec<f32>, Vec<f32>) = if from_batch {
            let (mean, variance) = moments(&view(&input)?, width);
            let mean: Vec<f32> = mean.into_iter().map(|x| x as f32).collect();
            let variance: Vec<f32> = variance.into_iter().map(|x| x as f32).collect();
            self.move_statistics(&mean, &variance)?;
            (mean, variance)
        } else {
            (view(self.mean)?.to_vec(), view(self.variance)?.to_vec())
        };
        let inverse: Vec<f32> = variance
            .iter()
            .map(|v| 1.0 / (v + self.epsilon).sqrt())
            .collect();
        let output = input.copy()?;
        let gamma = self.gamma.map(view).transpose()?;
        let beta = self.beta.map(view).transpose()?;
        let (gamma, beta) = (gamma.as_deref(), beta.as_deref());
        let factor: Vec<f32> = scaled(&inverse, gamma);
        let offset: Vec<f32> = (mean.iter().zip(&factor))
            .enumerate()
            .map(|(c, (m, f))| beta.and_then(|b| b.get(c)).unwrap_or(&0.0) - m * f)
            .collect();
        modify(&output, |numbers| {
            for_blocks(numbers, width, |_, part| {
                for row in part.chunks_exact_mut(width) {
                    for ((y, f), o) in row.iter_mut().zip(&factor).zip(&offset) {
                        *y = *y * f + o;
                    }
                }
            });
        })?;
        let saved = Saved::Moments {
            mean,
            inverse,
            from_batch,
        };
        Ok((self.turned(&output)?, saved))
    }

    fn move_statistics(&self, mean: &[f32], variance: &[f32]) -> Result<()> {
        let keep = decimal(self.momentum);
        let (keep, take) = (keep as f32, (1.0 - keep) as f32);
        for (running, now) in [(self.mean, mean), (self.variance, variance)] {
            modify(running, |running| {
                for (r, n) in running.iter_mut().zip(now) {
                    *r = *r * keep + n * take;
                }
            })?;
        }
        Ok(())
    }

    /// The gradients of gamma and beta (where there are any) and of the input.
    pub(crate) fn backward(
        &self,
        input: &Tensor,
        mean: &[f32],
        inverse: &[f32],
        from_batch: bool,
        grad: &Tensor,
    ) -> Result<(Tensor, WeightGradients)> {
        let input = self.turned(input)?;
        let turned = self.turned(grad)?;
        let grad = turned.copy()?;
        let width = mean.len();
        let numbers = view(&input)?;
        let numbers: &[f32] = &numbers;
        let (plain, normalized) = gradient_sums(&view(&grad)?, numbers, mean, inverse);
        let gamma = self.gamma.map(view).transpose()?;
        let factor = scaled(inverse, gamma.as_deref());
        let rows = (numbers.len() / width.max(1)).max(1) as f64;
        let share = |sums: &[f64]| -> Vec<f32> {
            let used = if from_batch { 1.0 / rows } else { 0.0 };
            sums.iter().map(|s| (s * used) as f32).collect()
        };
        let (plain_share, normalized_share) = (share(&plain), share(&normalized));
        modify(&grad, |grad| {
            for_blocks(grad, width, |at, part| {
                let input = numbers.get(at..at + part.len()).unwrap_or_default();
                for (grad, input) in part.chunks_exact_mut(width).zip(input.chunks_exact(width)) {
                    for (c, (g, x)) in grad.iter_mut().zip(input).enumerate() {
                        let normal = (x - mean[c]) * inverse[c];
                        *g = factor[c] * (*g - plain_share[c] - normal * normalized_share[c]);
                    }
                }
            });
        })?;
        let mut weights = Vec::new();
        for (sums, weight) in [(normalized, self.gamma), (plain, self.beta)] {
            if weight.is_some() {
                let sums: Vec<f32> = sums.into_iter().map(|s| s as f32).collect();
                weights.push(Some(tensor(sums, width)?));
            }
        }
        // The running statistics have no gradient.
        weights.extend([None, None]);
        Ok((self.turned(&grad)?, weights))
    }
}

/// `inverse · gamma`.
fn scaled(inverse: &[f32], gamma: Option<&[f32]>) -> Vec<f32> {
    match gamma {
        Some(gamma) => inverse.iter().zip(gamma).map(|(i, g)| i * g).collect(),
        None => inverse.to_vec(),
    }
}
