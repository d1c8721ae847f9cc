//! Activations whose gradients candle gets right, also at the kinks and for large numbers.

use candle_core::{D, Result, Tensor};

use crate::spec::Activation;

/// `sqrt(2 / π)`, of gelu's approximate form.
const GELU_SCALE: f64 = 0.797_884_560_802_865_4;
/// The cubic term of gelu's approximate form.
const GELU_CUBIC: f64 = 0.044_715;

/// The output of `activation` for `x`; softmax goes over the last axis.
pub(super) fn forward(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Linear => Ok(x.clone()),
        // The gradient at zero is zero, and a NaN stays.
        Activation::Relu => x.le(0f32)?.where_cond(&x.zeros_like()?, x),
        Activation::LeakyRelu { negative_slope } => {
            let below = x.affine(f64::from(negative_slope), 0.0)?;
            x.gt(0f32)?.where_cond(x, &below)
        }
        Activation::Elu { alpha } => {
            let positive = x.gt(0f32)?;
            // Zero where it is not used: an exponential without end would spoil the gradient.
            let below = positive.where_cond(&x.zeros_like()?, x)?;
            let below = below.exp()?.affine(f64::from(alpha), -f64::from(alpha))?;
            positive.where_cond(x, &below)
        }
        Activation::Gelu { approximate: true } => {
            let inner = (x + (x.sqr()? * x)?.affine(GELU_CUBIC, 0.0)?)?;
            let tanh = inner.affine(GELU_SCALE, 0.0)?.tanh()?;
            x * tanh.affine(0.5, 0.5)?
        }
        Activation::Gelu { approximate: false } => {
            let erf = x.affine(std::f64::consts::FRAC_1_SQRT_2, 0.0)?.erf()?;
            x * erf.affine(0.5, 0.5)?
        }
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Softmax => softmax(x),
        Activation::Softplus => {
            // ln(1 + e^-|x|) + max(x, 0), with the slopes of both parts at zero adding up to one half.
            let small = x.gt(0f32)?.where_cond(&x.neg()?, x)?;
            let log = small.exp()?.affine(1.0, 1.0)?.log()?;
            log + forward(Activation::Relu, x)?
        }
        Activation::Swish => x * sigmoid(x)?,
    }
}

/// Through the hyperbolic tangent, which has an end on both sides.
fn sigmoid(x: &Tensor) -> Result<Tensor> {
    x.affine(0.5, 0.0)?.tanh()?.affine(0.5, 0.5)
}

fn softmax(x: &Tensor) -> Result<Tensor> {
    let largest = x.max_keepdim(D::Minus1)?.detach();
    let exps = x.broadcast_sub(&largest)?.exp()?;
    exps.broadcast_div(&exps.sum_keepdim(D::Minus1)?)
}
