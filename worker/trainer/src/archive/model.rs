//! `config.json` → [`ModelSpec`]: Sequential and Functional models of Keras 3.0 to 3.15.

use assay_protocol::{DataLimits, Fault, deceives};
use serde_json::{Map, Value};

use super::graph::{self, Entry};
use super::layers::{self, elements};
use super::object::Object;
use super::settings::Settings;
use super::{compile, fault};
use crate::spec::{LayerKind, LayerSpec, ModelClass, ModelSpec, WeightSpec};

/// Reads a model's configuration. `keras_version` comes from `metadata.json`.
pub(super) fn read(
    config: &Value,
    keras_version: Option<String>,
    limits: &DataLimits,
) -> Result<ModelSpec, Fault> {
    let object = Object::read(config, "the model")?;
    let settings = object.settings("the model")?;
    let (class, entries, output) = entries(object, settings, config, limits)?;
    float32("the model", settings.get("dtype"))?;
    let trainable = flag("the model", settings.get("trainable"))?;
    let name = settings
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("model");
    let layers = build_all(&entries, trainable, limits)?;
    let total = layers
        .iter()
        .flat_map(|l| &l.weights)
        .try_fold(0u64, |n, w| n.checked_add(elements(&w.shape)? as u64));
    if total.is_none_or(|n| n > limits.model_parameters) {
        return Err(Fault::model(
            "limit.model_parameters",
            format!(
                "the model has more than {} weights",
                limits.model_parameters
            ),
        ));
    }
    let output_shape = layers
        .get(output)
        .map(|l| l.output_shape.clone())
        .unwrap_or_default();
    let compile = compile::read(
        config.get("compile_config"),
        &entries,
        output,
        &output_shape,
    )?;
    if !layers.iter().flat_map(|l| &l.weights).any(|w| w.trainable) {
        return Err(Fault::model(
            "model.nothing_to_train",
            "the model has no trainable weight; add a layer with weights or unfreeze one",
        ));
    }
    Ok(ModelSpec {
        name: checked_name(name)?,
        class,
        layers,
        output,
        compile,
        keras_version,
    })
}

/// The layers of either class of model in order, and the index of the output.
fn entries<'a>(
    object: Object<'a>,
    settings: &'a Map<String, Value>,
    config: &'a Value,
    limits: &DataLimits,
) -> Result<(ModelClass, Vec<Entry<'a>>, usize), Fault> {
    match object.class {
        "Sequential" => {
            let entries = graph::sequential(settings, config, limits)?;
            let output = entries.len().saturating_sub(1);
            Ok((ModelClass::Sequential, entries, output))
        }
        "Functional" => {
            let (entries, output) = graph::functional(settings, limits)?;
            Ok((ModelClass::Functional, entries, output))
        }
        other => Err(Fault::model(
            "model.unsupported_model",
            format!(
                "the model is a {:?}; only Sequential and Functional models are supported",
                fault::short(other)
            ),
        )),
    }
}

/// Builds the layers in order, each on the outputs of its inputs.
fn build_all(
    entries: &[Entry<'_>],
    model_trainable: bool,
    limits: &DataLimits,
) -> Result<Vec<LayerSpec>, Fault> {
    let mut built: Vec<LayerSpec> = Vec::with_capacity(entries.len());
    for entry in entries {
        let spec = match &entry.input_shape {
            Some(shape) => LayerSpec {
                name: entry.name.clone(),
                class: "InputLayer".to_owned(),
                kind: LayerKind::Input,
                inputs: Vec::new(),
                trainable: false,
                output_shape: shape.clone(),
                weights: Vec::new(),
            },
            None => build_one(entry, &built, model_trainable, limits)?,
        };
        if entry
            .claimed_output
            .as_ref()
            .is_some_and(|c| *c != spec.output_shape)
        {
            return Err(fault::malformed(format!(
                "layer {:?} gives rows of shape {:?} but the archive says {:?}",
                spec.name, spec.output_shape, entry.claimed_output
            )));
        }
        built.push(spec);
    }
    whole_number_input(entries, &built)?;
    Ok(built)
}

fn build_one(
    entry: &Entry<'_>,
    built: &[LayerSpec],
    model_trainable: bool,
    limits: &DataLimits,
) -> Result<LayerSpec, Fault> {
    let owner = entry.owner();
    let inputs: Vec<&[usize]> = entry
        .inputs
        .iter()
        .filter_map(|i| built.get(*i))
        .map(|l| l.output_shape.as_slice())
        .collect();
    for (claimed, real) in entry.claimed_inputs.iter().zip(&inputs) {
        if claimed.as_slice() != *real {
            return Err(fault::malformed(format!(
                "{owner} gets rows of shape {real:?} but was built for {claimed:?}"
            )));
        }
    }
    float32(&owner, entry.settings.get("dtype"))?;
    let trainable = model_trainable && flag(&owner, entry.settings.get("trainable"))?;
    let mut settings = Settings::new(owner.clone(), entry.settings);
    settings.skip(&["name", "dtype", "trainable"]);
    // Operations such as `x + y` share class names with layers, so the module counts as well.
    let module = entry.object.module;
    let is_layer = module.is_empty()
        || module.starts_with("keras.layers")
        || module.starts_with("keras.src.layers");
    if !is_layer {
        return Err(layers::unsupported(&format!(
            "{owner} of {}",
            fault::short(module)
        )));
    }
    let layer = layers::build(entry.object.class, &mut settings, &inputs, limits)?;
    settings.finish()?;
    Ok(LayerSpec {
        name: entry.name.clone(),
        class: entry.object.class.to_owned(),
        kind: layer.kind,
        inputs: entry.inputs.clone(),
        trainable,
        output_shape: layer.output,
        weights: layer
            .weights
            .into_iter()
            .map(|(name, shape, by_gradient)| WeightSpec {
                name,
                shape,
                trainable: trainable && by_gradient,
            })
            .collect(),
    })
}

/// An input of whole numbers is the same as one of floats only where each reader looks rows up in a table.
fn whole_number_input(entries: &[Entry<'_>], built: &[LayerSpec]) -> Result<(), Fault> {
    let whole = entries.first().is_some_and(|e| e.whole_numbers);
    let only_lookups = built
        .iter()
        .filter(|l| l.inputs.contains(&0))
        .all(|l| matches!(l.kind, LayerKind::Embedding { .. }));
    if whole && !only_lookups {
        return Err(Fault::model(
            fault::SETTING,
            "the model's input is of whole numbers but feeds other layers than Embedding; use dtype float32",
        ));
    }
    Ok(())
}

/// A dtype or dtype policy must be float32 (absent means so).
fn float32(owner: &str, dtype: Option<&Value>) -> Result<(), Fault> {
    let name = match dtype {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(map)) => map
            .get("config")
            .and_then(Value::as_object)
            .and_then(|c| c.get("name"))
            .and_then(Value::as_str),
        Some(other) => other.as_str(),
    };
    match name {
        Some("float32") => Ok(()),
        other => Err(Fault::model(
            fault::SETTING,
            format!(
                "{owner} has the dtype policy {:?}; only float32 is supported",
                other.map(fault::short).unwrap_or_default()
            ),
        )),
    }
}

fn flag(owner: &str, value: Option<&Value>) -> Result<bool, Fault> {
    match value {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(b)) => Ok(*b),
        Some(_) => Err(fault::malformed(format!(
            "{owner}: trainable is not true or false"
        ))),
    }
}

/// Names become keys of weights (`<layer>/<weight>`) and of reports.
pub(super) fn checked_name(name: &str) -> Result<String, Fault> {
    let ok =
        !name.is_empty() && name.len() <= 200 && !name.contains('/') && !name.contains(deceives);
    if ok {
        return Ok(name.to_owned());
    }
    Err(fault::malformed(format!(
        "the name {:?} is not usable; use 1 to 200 bytes without '/', control characters and characters that turn the writing direction",
        fault::short(name)
    )))
}

/// A Keras shape with the batch in front, as the shape of one row; `None` when an axis is open.
pub(super) fn row_shape(value: &Value) -> Option<Vec<usize>> {
    let axes = value.as_array()?;
    let (_, row) = axes.split_first()?;
    row.iter()
        .map(|d| d.as_u64().and_then(|d| usize::try_from(d).ok()))
        .collect()
}

/// The map under `key`, if it is one.
pub(super) fn map_at<'a>(value: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    value.get(key).and_then(Value::as_object)
}
