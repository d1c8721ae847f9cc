//! The optimizer and its settings.

use assay_protocol::Fault;
use serde_json::{Map, Value};

use crate::archive::fault;
use crate::archive::object::{Object, function_name};
use crate::archive::settings::Settings;
use crate::spec::{Clip, Optimizer, OptimizerRule};

pub(super) fn read(value: Option<&Value>) -> Result<Optimizer, Fault> {
    let value = value.ok_or_else(|| fault::malformed("compile_config names no optimizer"))?;
    let no_settings = Map::new();
    let (class, map) = match function_name(value, "the optimizer")? {
        Some(name) => (name, &no_settings),
        None => {
            let object = Object::read(value, "the optimizer")?;
            (object.class, object.settings("the optimizer")?)
        }
    };
    let mut s = Settings::new(format!("the optimizer {}", fault::short(class)), map);
    // Keras finds optimizers regardless of case.
    let (rule, rate, decay) = match class.to_ascii_lowercase().as_str() {
        "sgd" => (sgd(&mut s)?, 0.01, None),
        "adam" => {
            let (beta_1, beta_2, epsilon, amsgrad) = adam(&mut s)?;
            let rule = OptimizerRule::Adam {
                beta_1,
                beta_2,
                epsilon,
                amsgrad,
            };
            (rule, 0.001, None)
        }
        "adamw" => {
            let (beta_1, beta_2, epsilon, amsgrad) = adam(&mut s)?;
            let rule = OptimizerRule::AdamW {
                beta_1,
                beta_2,
                epsilon,
                amsgrad,
            };
            (rule, 0.001, Some(0.004))
        }
        "rmsprop" => (rms_prop(&mut s)?, 0.001, None),
        _ => {
            return Err(Fault::model(
                "model.unsupported_optimizer",
                format!(
                    "the optimizer {:?} is not supported; supported are SGD, Adam, AdamW and RMSprop",
                    fault::short(class)
                ),
            ));
        }
    };
    let optimizer = common(&mut s, rule, rate, decay)?;
    s.finish()?;
    Ok(optimizer)
}

/// What every optimizer has.
fn common(
    s: &mut Settings<'_>,
    rule: OptimizerRule,
    rate: f32,
    decay: Option<f32>,
) -> Result<Optimizer, Fault> {
    if s.get("learning_rate").is_some_and(Value::is_object) {
        return Err(Fault::model(
            "model.learning_rate_schedule",
            format!("{} has a learning rate schedule; give it a number", s.owner),
        ));
    }
    let learning_rate = s.number_where("learning_rate", rate, "0 or more", |r| r >= 0.0)?;
    let weight_decay = match (s.get("weight_decay"), decay) {
        (None, default) => default,
        (Some(_), _) => Some(s.number_where("weight_decay", 0.0, "0 or more", |d| d >= 0.0)?),
    };
    // Averaging, accumulation and loss scaling stay refused by `finish`; these matter only with them.
    s.skip(&["name", "ema_momentum", "ema_overwrite_frequency"]);
    let mut clips = Vec::new();
    for (key, make) in [
        ("clipnorm", Clip::Norm as fn(f32) -> Clip),
        ("clipvalue", Clip::Value),
        ("global_clipnorm", Clip::GlobalNorm),
    ] {
        if s.get(key).is_some() {
            clips.push(make(s.number_where(key, 1.0, "above 0", |c| c > 0.0)?));
        }
    }
    if clips.len() > 1 {
        return Err(fault::malformed(format!(
            "{}: only one of clipnorm, clipvalue and global_clipnorm can be set",
            s.owner
        )));
    }
    Ok(Optimizer {
        rule,
        learning_rate,
        weight_decay,
        clip: clips.pop(),
    })
}

fn fraction(s: &mut Settings<'_>, key: &'static str, default: f32) -> Result<f32, Fault> {
    s.number_where(key, default, "from 0 up to, but not including, 1", |n| {
        (0.0..1.0).contains(&n)
    })
}

fn sgd(s: &mut Settings<'_>) -> Result<OptimizerRule, Fault> {
    Ok(OptimizerRule::Sgd {
        momentum: s.number_where("momentum", 0.0, "from 0 to 1", |m| (0.0..=1.0).contains(&m))?,
        nesterov: s.bool("nesterov", false)?,
    })
}

fn adam(s: &mut Settings<'_>) -> Result<(f32, f32, f32, bool), Fault> {
    Ok((
        fraction(s, "beta_1", 0.9)?,
        fraction(s, "beta_2", 0.999)?,
        s.number_where("epsilon", 1e-7, "0 or more", |e| e >= 0.0)?,
        s.bool("amsgrad", false)?,
    ))
}

fn rms_prop(s: &mut Settings<'_>) -> Result<OptimizerRule, Fault> {
    Ok(OptimizerRule::RmsProp {
        rho: fraction(s, "rho", 0.9)?,
        momentum: s.number_where("momentum", 0.0, "from 0 to 1", |m| (0.0..=1.0).contains(&m))?,
        epsilon: s.number_where("epsilon", 1e-7, "0 or more", |e| e >= 0.0)?,
        centered: s.bool("centered", false)?,
    })
}
