//! The graph of a model: which layer feeds which, in an order where inputs come first.

mod edges;

use std::collections::{BTreeSet, HashMap};

use assay_protocol::{DataLimits, Fault};
use serde_json::{Map, Value};

use super::fault;
use super::model::{checked_name, map_at, row_shape};
use super::object::Object;
use super::settings::Settings;

/// One layer of `config.json` and its place in the graph.
pub(super) struct Entry<'a> {
    pub(super) name: String,
    pub(super) object: Object<'a>,
    pub(super) settings: &'a Map<String, Value>,
    /// Indices of the entries that feed it.
    pub(super) inputs: Vec<usize>,
    /// One row of the model's input, for the input layer only.
    pub(super) input_shape: Option<Vec<usize>>,
    /// Whether the input layer declares whole numbers.
    pub(super) whole_numbers: bool,
    /// What the archive says of the shapes it was built for.
    pub(super) claimed_inputs: Vec<Vec<usize>>,
    /// What the readers of its output say of the output's shape.
    pub(super) claimed_output: Option<Vec<usize>>,
}

impl<'a> Entry<'a> {
    fn read(value: &'a Value) -> Result<Self, Fault> {
        let name = map_at(value, "config")
            .and_then(|c| c.get("name"))
            .or_else(|| value.get("name"))
            .and_then(Value::as_str)
            .ok_or_else(|| fault::malformed("a layer has no name"))?;
        let what = format!("layer {:?}", fault::short(name));
        let object = Object::read(value, &what)?;
        let settings = object.settings(&what)?;
        if value.get("name").is_some_and(|n| n.as_str() != Some(name)) {
            return Err(fault::malformed(format!("{what} has two names")));
        }
        let mut entry = Self {
            name: checked_name(name)?,
            object,
            settings,
            inputs: Vec::new(),
            input_shape: None,
            whole_numbers: false,
            claimed_inputs: built_for(value),
            claimed_output: None,
        };
        if object.class == "InputLayer" {
            entry.read_input()?;
        }
        Ok(entry)
    }

    /// The layer as messages name it: `layer "dense" (Dense)`.
    pub(super) fn owner(&self) -> String {
        format!(
            "layer {:?} ({})",
            self.name,
            fault::short(self.object.class)
        )
    }

    fn read_input(&mut self) -> Result<(), Fault> {
        let mut s = Settings::new(self.owner(), self.settings);
        s.skip(&["name", "trainable"]);
        let batched = s.get("batch_shape").or_else(|| s.get("batch_input_shape"));
        self.input_shape = Some(input_shape(&self.owner(), batched.unwrap_or(&Value::Null))?);
        let dtypes = ["float32", "int32", "int64", "uint8"];
        self.whole_numbers = s.choice("dtype", "float32", &dtypes)? != "float32";
        s.finish()
    }
}

/// The row shape of an input: an open batch, every other axis fixed.
fn input_shape(owner: &str, value: &Value) -> Result<Vec<usize>, Fault> {
    let open_batch = value.as_array().and_then(|a| a.first()) == Some(&Value::Null);
    match row_shape(value) {
        Some(shape) if open_batch && !shape.is_empty() && !shape.contains(&0) => Ok(shape),
        _ => Err(Fault::model(
            "model.input_shape",
            format!(
                "{owner} has the batch shape {}; it must be open in the first axis (the batch) \
                 and fixed in one or more others",
                fault::shown(value)
            ),
        )),
    }
}

/// `build_config.input_shape`: one shape, or a list of them; open ones are left out.
fn built_for(value: &Value) -> Vec<Vec<usize>> {
    let claim = value.get("build_config").and_then(|b| b.get("input_shape"));
    match claim {
        Some(Value::Array(many)) if many.first().is_some_and(Value::is_array) => {
            many.iter().map_while(row_shape).collect()
        }
        Some(one) => row_shape(one).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The layers of a Sequential model.
pub(super) fn sequential<'a>(
    settings: &'a Map<String, Value>,
    config: &'a Value,
    limits: &DataLimits,
) -> Result<Vec<Entry<'a>>, Fault> {
    let mut entries = read_layers(settings, limits)?;
    if entries.first().is_some_and(|e| e.input_shape.is_none()) {
        // A model built by its first batch has no input layer in its list.
        let built = settings.get("build_input_shape").or_else(|| {
            config
                .get("build_config")
                .and_then(|b| b.get("input_shape"))
        });
        let shape = input_shape("the model's input", built.unwrap_or(&Value::Null))?;
        let first = Entry {
            name: free_name(&entries),
            object: Object {
                module: "keras.layers",
                class: "InputLayer",
                config: &Value::Null,
            },
            settings,
            inputs: Vec::new(),
            input_shape: Some(shape),
            whole_numbers: false,
            claimed_inputs: Vec::new(),
            claimed_output: None,
        };
        entries.insert(0, first);
    }
    for (i, entry) in entries.iter_mut().enumerate().skip(1) {
        if entry.input_shape.is_some() {
            return Err(fault::malformed(format!(
                "{} is not the first layer",
                entry.owner()
            )));
        }
        entry.inputs = vec![i - 1];
    }
    if entries.len() < 2 {
        return Err(fault::malformed("the model has no layers"));
    }
    Ok(entries)
}

/// The layers of a Functional model in an order where inputs come first, and the index of the output.
pub(super) fn functional<'a>(
    settings: &'a Map<String, Value>,
    limits: &DataLimits,
) -> Result<(Vec<Entry<'a>>, usize), Fault> {
    let mut entries = read_layers(settings, limits)?;
    let index: HashMap<String, usize> = entries
        .iter()
        .enumerate()
        .map(|(i, e)| (e.name.clone(), i))
        .collect();
    let input = edges::single(settings.get("input_layers"), "input_layers", &index)?;
    let output = edges::single(settings.get("output_layers"), "output_layers", &index)?;
    let values = layer_values(settings)?;
    for (i, value) in values.iter().enumerate() {
        let owner = entries.get(i).map(Entry::owner).unwrap_or_default();
        let tensors = edges::inbound(value.get("inbound_nodes"), &owner, &index)?;
        for tensor in &tensors {
            let from = entries.get_mut(tensor.layer);
            if let (Some(from), Some(shape)) = (from, &tensor.shape) {
                edges::claim(from, shape)?;
            }
        }
        if let Some(entry) = entries.get_mut(i) {
            if entry.input_shape.is_some() != tensors.is_empty()
                || (i == input) != tensors.is_empty()
            {
                return Err(fault::malformed(format!(
                    "{owner} must have inputs unless it is the model's one input layer"
                )));
            }
            entry.inputs = tensors.iter().map(|t| t.layer).collect();
        }
    }
    let order = topological(&entries)?;
    all_used(&entries, output)?;
    Ok(reordered(entries, &order, output))
}

fn layer_values(settings: &Map<String, Value>) -> Result<&Vec<Value>, Fault> {
    settings
        .get("layers")
        .and_then(Value::as_array)
        .ok_or_else(|| fault::malformed("the model's config has no list of layers"))
}

fn read_layers<'a>(
    settings: &'a Map<String, Value>,
    limits: &DataLimits,
) -> Result<Vec<Entry<'a>>, Fault> {
    let values = layer_values(settings)?;
    if values.len() as u64 > limits.model_layers {
        return Err(Fault::model(
            "limit.model_layers",
            format!(
                "the model has {} layers; the limit is {}",
                values.len(),
                limits.model_layers
            ),
        ));
    }
    let entries = values
        .iter()
        .map(Entry::read)
        .collect::<Result<Vec<_>, _>>()?;
    let mut names = BTreeSet::new();
    match entries.iter().find(|e| !names.insert(e.name.as_str())) {
        Some(twice) => Err(fault::malformed(format!(
            "two layers are named {:?}",
            twice.name
        ))),
        None => Ok(entries),
    }
}

/// A name for an input layer that the archive leaves out.
fn free_name(entries: &[Entry<'_>]) -> String {
    let mut name = "input_layer".to_owned();
    while entries.iter().any(|e| e.name == name) {
        name.push('_');
    }
    name
}

/// Indices so ordered that inputs come first; among the ready ones the archive's order is kept.
fn topological(entries: &[Entry<'_>]) -> Result<Vec<usize>, Fault> {
    let mut waiting: Vec<usize> = entries.iter().map(|e| e.inputs.len()).collect();
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); entries.len()];
    for (i, entry) in entries.iter().enumerate() {
        for from in &entry.inputs {
            if let Some(list) = readers.get_mut(*from) {
                list.push(i);
            }
        }
    }
    let mut ready: BTreeSet<usize> = (0..entries.len())
        .filter(|i| waiting.get(*i) == Some(&0))
        .collect();
    let mut order = Vec::with_capacity(entries.len());
    while let Some(i) = ready.pop_first() {
        order.push(i);
        for reader in readers.get(i).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*reader) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*reader);
                }
            }
        }
    }
    if order.len() == entries.len() {
        return Ok(order);
    }
    Err(fault::malformed(
        "the model's layers feed each other in a circle",
    ))
}

/// Every layer must lead to the output, else its weights could never be trained.
fn all_used(entries: &[Entry<'_>], output: usize) -> Result<(), Fault> {
    let mut used = vec![false; entries.len()];
    let mut open = vec![output];
    while let Some(i) = open.pop() {
        if let Some(seen) = used.get_mut(i).filter(|s| !**s) {
            *seen = true;
            open.extend(entries.get(i).into_iter().flat_map(|e| &e.inputs));
        }
    }
    match entries.iter().zip(&used).find(|(_, u)| !**u) {
        None => Ok(()),
        Some((entry, _)) => Err(fault::malformed(format!(
            "{} does not lead to the model's output",
            entry.owner()
        ))),
    }
}

fn reordered<'a>(
    entries: Vec<Entry<'a>>,
    order: &[usize],
    output: usize,
) -> (Vec<Entry<'a>>, usize) {
    let mut place = vec![0; entries.len()];
    for (new, old) in order.iter().enumerate() {
        if let Some(p) = place.get_mut(*old) {
            *p = new;
        }
    }
    let at = |old: usize| place.get(old).copied().unwrap_or_default();
    let mut placed: Vec<(usize, Entry<'a>)> = entries
        .into_iter()
        .enumerate()
        .map(|(old, mut entry)| {
            entry.inputs = entry.inputs.into_iter().map(at).collect();
            (at(old), entry)
        })
        .collect();
    placed.sort_by_key(|(new, _)| *new);
    (placed.into_iter().map(|(_, e)| e).collect(), at(output))
}
