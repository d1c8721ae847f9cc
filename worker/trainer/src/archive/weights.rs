//! Weights and optimizer state: from the groups of `model.weights.h5` to the layers of the [`ModelSpec`].

use std::collections::HashMap;

use assay_protocol::Fault;

use super::fault;
use super::hdf5::{LayerGroup, Tree};
use super::naming;
use super::state::slot_shapes;
use crate::spec::{ModelSpec, OptimizerState, Weights};

/// Everything the file holds of the model.
pub(super) struct Read {
    pub(super) weights: Weights,
    pub(super) optimizer: Option<OptimizerState>,
    /// What was left out, and why.
    pub(super) notes: Vec<String>,
}

/// Reads every weight of `spec` and, if it fits, the optimizer's state.
pub(super) fn read(tree: &Tree, spec: &ModelSpec) -> Result<Read, Fault> {
    let groups = tree.layers(spec.layers.len() + 1)?;
    let mut by_layer = assign(&groups, spec)?;
    let mut weights = Weights::default();
    for (i, layer) in spec.layers.iter().enumerate() {
        let group = by_layer.remove(&i);
        let arrays = group.map_or(&[][..], |g| &g.arrays);
        if arrays.len() != layer.weights.len() {
            return Err(fault::malformed(format!(
                "layer {:?} ({}) has {} weights but model.weights.h5 holds {} for it",
                layer.name,
                layer.class,
                layer.weights.len(),
                arrays.len()
            )));
        }
        let list = layer
            .weights
            .iter()
            .zip(arrays)
            .map(|(weight, data)| {
                let what = format!("{} of layer {:?}", weight.name, layer.name);
                tree.floats(data, &weight.shape, &what)
            })
            .collect::<Result<Vec<_>, _>>()?;
        weights.layers.push(list);
    }
    let mut notes = Vec::new();
    let optimizer = optimizer(tree, spec, &mut notes)?;
    Ok(Read {
        weights,
        optimizer,
        notes,
    })
}

/// Which group belongs to which layer: by the names in the file, or by class and count where it has none (before Keras 3.6).
fn assign<'g>(
    groups: &'g [LayerGroup],
    spec: &ModelSpec,
) -> Result<HashMap<usize, &'g LayerGroup>, Fault> {
    let named = groups.iter().all(|g| g.name.is_some());
    let wanted: HashMap<String, usize> = if named {
        spec.layers
            .iter()
            .enumerate()
            .map(|(i, l)| (l.name.clone(), i))
            .collect()
    } else {
        naming::groups(spec)
            .into_iter()
            .enumerate()
            .filter_map(|(i, group)| Some((group?, i)))
            .collect()
    };
    let mut assigned = HashMap::new();
    for group in groups {
        let name = group
            .name
            .as_ref()
            .filter(|_| named)
            .unwrap_or(&group.group);
        match wanted.get(name) {
            Some(i) => {
                if assigned.insert(*i, group).is_some() {
                    return Err(fault::malformed(format!(
                        "model.weights.h5 holds two groups for layer {:?}",
                        fault::short(name)
                    )));
                }
            }
            None if group.arrays.is_empty() => {}
            None => {
                return Err(fault::malformed(format!(
                    "model.weights.h5 holds weights of {:?}, which config.json does not have",
                    fault::short(name)
                )));
            }
        }
    }
    Ok(assigned)
}

/// The optimizer's state; a state of another model or optimizer is left out with a note, as Keras leaves it out with a warning.
fn optimizer(
    tree: &Tree,
    spec: &ModelSpec,
    notes: &mut Vec<String>,
) -> Result<Option<OptimizerState>, Fault> {
    let arrays = tree.optimizer()?;
    let shapes = slot_shapes(spec);
    let (head, slots) = match arrays.as_slice() {
        [iterations, rate, slots @ ..] if slots.len() == shapes.len() => {
            ((iterations, rate), slots)
        }
        // None, or the first two of an optimizer that has not taken a step yet.
        [] | [_, _] => return Ok(None),
        other => {
            notes.push(format!(
                "the archive's optimizer state has {} arrays but this optimizer and these trainable weights \
                 need {}; training starts with a fresh optimizer",
                other.len(),
                shapes.len() + 2
            ));
            return Ok(None);
        }
    };
    let rate = tree.floats(head.1, &[], "the optimizer's learning rate")?;
    Ok(Some(OptimizerState {
        iterations: tree.iterations(head.0)?,
        learning_rate: rate.data.first().copied().unwrap_or_default(),
        slots: slots
            .iter()
            .zip(&shapes)
            .enumerate()
            .map(|(i, (data, shape))| {
                tree.floats(data, shape, &format!("the optimizer's array {}", i + 2))
            })
            .collect::<Result<Vec<_>, _>>()?,
    }))
}
