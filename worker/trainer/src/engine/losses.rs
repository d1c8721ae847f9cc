//! The losses and their gradients, as Keras computes them.
//!
//! A cross-entropy behind a softmax or sigmoid is computed from the numbers before that activation, as Keras
//! does on TensorFlow: no probability is so small that its logarithm is lost. Behind anything else the
//! probabilities are clipped to `[1e-7, 1 - 1e-7]`.

use super::math::sigmoid;
use super::targets::Targets;
use crate::spec::{Activation, Loss};

/// Keras' `epsilon` in 32 bits, in which TensorFlow clips.
const LEAST: f64 = 1e-7_f32 as f64;
/// `1 - epsilon` in 32 bits.
const MOST: f64 = (1.0_f32 - 1e-7_f32) as f64;

/// The loss of a batch and its gradient.
#[derive(Debug)]
pub(crate) struct Value {
    /// Mean over the rows.
    pub(crate) mean: f64,
    /// Gradient of the mean by every number of the output.
    pub(crate) gradient: Vec<f32>,
}

/// Whether `loss` wants the numbers from before `activation` instead of those after it.
///
/// Keras on TensorFlow goes back behind a softmax and a sigmoid alike, for every cross-entropy.
pub(crate) fn takes_logits(loss: Loss, activation: Activation) -> bool {
    let cross_entropy = matches!(
        loss,
        Loss::BinaryCrossentropy { .. }
            | Loss::CategoricalCrossentropy { .. }
            | Loss::SparseCategoricalCrossentropy { .. }
    );
    cross_entropy && matches!(activation, Activation::Sigmoid | Activation::Softmax)
}

/// The loss of `output`, rows of `targets.width` numbers; `logits` if they come from before the activation.
pub(crate) fn loss(loss: Loss, logits: bool, output: &[f32], targets: &Targets) -> Value {
    match loss {
        Loss::MeanSquaredError => each(output, targets, |y, t| ((y - t) * (y - t), 2.0 * (y - t))),
        Loss::MeanAbsoluteError => each(output, targets, |y, t| ((y - t).abs(), sign(y - t))),
        Loss::Huber { delta } => {
            let delta = f64::from(delta);
            each(output, targets, |y, t| {
                let error = y - t;
                if error.abs() <= delta {
                    (0.5 * error * error, error)
                } else {
                    (
                        delta * error.abs() - 0.5 * delta * delta,
                        delta * sign(error),
                    )
                }
            })
        }
        Loss::BinaryCrossentropy {
            from_logits,
            label_smoothing,
        } => {
            let smooth = f64::from(label_smoothing);
            let logits = logits || from_logits;
            each(output, targets, |y, t| {
                binary(logits, y, t * (1.0 - smooth) + 0.5 * smooth)
            })
        }
        Loss::CategoricalCrossentropy {
            from_logits,
            label_smoothing,
        } => {
            let form = if logits || from_logits {
                Form::Logits
            } else {
                Form::Normalized
            };
            categorical(form, output, targets, f64::from(label_smoothing))
        }
        Loss::SparseCategoricalCrossentropy { from_logits } => {
            let form = if logits || from_logits {
                Form::Logits
            } else {
                Form::Clipped
            };
            categorical(form, output, targets, 0.0)
        }
    }
}

/// The mean of a loss that is computed number by number; `f` gives it and its derivative.
fn each(output: &[f32], targets: &Targets, f: impl Fn(f64, f64) -> (f64, f64)) -> Value {
    let count = output.len().max(1) as f64;
    let mut sum = 0.0;
    let gradient = output
        .iter()
        .zip(&targets.numbers)
        .map(|(&y, &t)| {
            let (value, slope) = f(f64::from(y), f64::from(t));
            sum += value;
            (slope / count) as f32
        })
        .collect();
    Value {
        mean: sum / count,
        gradient,
    }
}

/// The derivative of the absolute value, 0 at 0.
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

fn binary(logits: bool, y: f64, t: f64) -> (f64, f64) {
    if logits {
        let value = y.max(0.0) - y * t + libm::log1p(libm::exp(-y.abs()));
        return (value, f64::from(sigmoid(y as f32)) - t);
    }
    let (p, inside) = clip(y);
    let value = -(t * libm::log(p) + (1.0 - t) * libm::log(1.0 - p));
    (value, inside * ((1.0 - t) / (1.0 - p) - t / p))
}

/// The clipped probability, and 1 where the clipping left it alone (elsewhere the gradient is 0).
fn clip(y: f64) -> (f64, f64) {
    let inside = (LEAST..=MOST).contains(&y);
    // A NaN stays a NaN.
    (y.clamp(LEAST, MOST), f64::from(u8::from(inside)))
}

/// What a categorical loss is computed from.
#[derive(Clone, Copy)]
enum Form {
    /// Numbers whose softmax is meant.
    Logits,
    /// Probabilities that are first divided by their sum, then clipped.
    Normalized,
    /// Probabilities that are first clipped, then divided by their sum.
    Clipped,
}

fn categorical(form: Form, output: &[f32], targets: &Targets, smooth: f64) -> Value {
    let width = targets.width.max(1);
    let rows = (output.len() / width).max(1) as f64;
    let mut sum = 0.0;
    let mut gradient = Vec::with_capacity(output.len());
    for (row, target) in output
        .chunks_exact(width)
        .zip(targets.numbers.chunks_exact(width))
    {
        let y: Vec<f64> = row.iter().map(|&y| f64::from(y)).collect();
        let t: Vec<f64> = (target.iter())
            .map(|&t| f64::from(t) * (1.0 - smooth) + smooth / width as f64)
            .collect();
        let (value, slopes) = match form {
            Form::Logits => from_logits(&y, &t),
            Form::Normalized => from_normalized(&y, &t),
            Form::Clipped => from_clipped(&y, &t),
        };
        sum += value;
        gradient.extend(slopes.iter().map(|slope| (slope / rows) as f32));
    }
    Value {
        mean: sum / rows,
        gradient,
    }
}

/// `-Σ t · log softmax(y)`.
fn from_logits(y: &[f64], t: &[f64]) -> (f64, Vec<f64>) {
    let largest = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exps: Vec<f64> = y.iter().map(|y| libm::exp(y - largest)).collect();
    let total: f64 = exps.iter().sum();
    let log_total = largest + libm::log(total);
    let value = y.iter().zip(t).map(|(y, t)| t * (log_total - y)).sum();
    let weight: f64 = t.iter().sum();
    let slopes = exps
        .iter()
        .zip(t)
        .map(|(e, t)| e / total * weight - t)
        .collect();
    (value, slopes)
}

/// `-Σ t · log clip(y / Σ y)`.
fn from_normalized(y: &[f64], t: &[f64]) -> (f64, Vec<f64>) {
    let total: f64 = y.iter().sum();
    let mut value = 0.0;
    let mut by_share = Vec::with_capacity(y.len());
    for (y, t) in y.iter().zip(t) {
        let (p, inside) = clip(y / total);
        value -= t * libm::log(p);
        by_share.push(-inside * t / p);
    }
    // Through the division by the sum.
    let along: f64 = by_share.iter().zip(y).map(|(g, y)| g * y / total).sum();
    let slopes = by_share.iter().map(|g| (g - along) / total).collect();
    (value, slopes)
}

/// `-Σ t · log softmax(log clip(y))`.
fn from_clipped(y: &[f64], t: &[f64]) -> (f64, Vec<f64>) {
    let clipped: Vec<(f64, f64)> = y.iter().map(|&y| clip(y)).collect();
    let total: f64 = clipped.iter().map(|(p, _)| p).sum();
    let weight: f64 = t.iter().sum();
    let value = (clipped.iter().zip(t))
        .map(|((p, _), t)| t * (libm::log(total) - libm::log(*p)))
        .sum();
    let slopes = (clipped.iter().zip(t))
        .map(|((p, inside), t)| inside * (weight / total - t / p))
        .collect();
    (value, slopes)
}
