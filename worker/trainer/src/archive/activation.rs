//! Activations as Keras writes them: a name, a serialized function, or a serialized layer.

use assay_protocol::Fault;
use serde_json::Value;

use super::fault;
use super::object::{Object, function_name};
use super::settings::Settings;
use crate::spec::Activation;

/// The names of the supported activation functions.
const NAMES: &str =
    "relu, leaky_relu, elu, gelu, sigmoid, tanh, softmax, softplus, swish (silu), linear";

/// The activation argument of a layer; null is linear.
pub(super) fn parse(value: Option<&Value>, owner: &str) -> Result<Activation, Fault> {
    let Some(value) = value else {
        return Ok(Activation::Linear);
    };
    let what = format!("the activation of {owner}");
    if let Some(name) = function_name(value, &what)? {
        return by_name(name).ok_or_else(|| unsupported(&what, name));
    }
    let object = Object::read(value, &what)?;
    let mut settings = Settings::new(what.clone(), object.settings(&what)?);
    let activation =
        as_layer(object.class, &mut settings)?.ok_or_else(|| unsupported(&what, object.class))?;
    settings.skip(&["name", "trainable", "dtype"]);
    settings.finish()?;
    Ok(activation)
}

/// The function's own defaults, which differ from those of the layer of that name.
fn by_name(name: &str) -> Option<Activation> {
    Some(match name {
        "linear" => Activation::Linear,
        "relu" => Activation::Relu,
        "leaky_relu" => Activation::LeakyRelu {
            negative_slope: 0.2,
        },
        "elu" => Activation::Elu { alpha: 1.0 },
        "gelu" => Activation::Gelu { approximate: false },
        "sigmoid" => Activation::Sigmoid,
        "tanh" => Activation::Tanh,
        "softmax" => Activation::Softmax,
        "softplus" => Activation::Softplus,
        "swish" | "silu" => Activation::Swish,
        _ => return None,
    })
}

/// The activation of one of Keras' activation layers; `None` for another class.
pub(super) fn as_layer(
    class: &str,
    settings: &mut Settings<'_>,
) -> Result<Option<Activation>, Fault> {
    Ok(Some(match class {
        "ReLU" => {
            settings.only("max_value", &[])?;
            settings.only("threshold", &[0.into(), 0.0.into()])?;
            match settings.number("negative_slope", 0.0)? {
                0.0 => Activation::Relu,
                negative_slope => Activation::LeakyRelu { negative_slope },
            }
        }
        "LeakyReLU" => Activation::LeakyRelu {
            negative_slope: settings.number("negative_slope", 0.3)?,
        },
        "ELU" => Activation::Elu {
            alpha: settings.number("alpha", 1.0)?,
        },
        "Softmax" => {
            settings.only("axis", &[(-1).into()])?;
            Activation::Softmax
        }
        _ => return Ok(None),
    }))
}

fn unsupported(what: &str, name: &str) -> Fault {
    Fault::model(
        "model.unsupported_activation",
        format!(
            "{what} is {:?}, which is not supported; supported are {NAMES}",
            fault::short(name)
        ),
    )
}
