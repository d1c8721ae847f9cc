//! A trained model as a Keras archive: the same configuration, new weights.

use assay_protocol::Fault;
use hdf5_pure::{AttrValue, FileBuilder, FinishedGroup, GroupBuilder};

use super::{KerasArchive, container, naming};
use crate::spec::{Array, ModelSpec, OptimizerRule, OptimizerState, Weights};

/// `trained_model.keras`: `config.json` and `metadata.json` byte for byte as read, the given weights and state.
///
/// Equal input gives equal bytes. Keras loads the result with `safe_mode=True`, compiled and with the
/// optimizer's state.
///
/// # Errors
/// A fault of the trainer when the weights or the state are not those of the model.
pub fn write(
    archive: &KerasArchive,
    weights: &Weights,
    optimizer: &OptimizerState,
) -> Result<Vec<u8>, Fault> {
    let h5 = weights_file(&archive.spec, weights, optimizer)?;
    container::pack(&archive.metadata, &archive.config, &h5)
}

/// `model.weights.h5` in the layout of Keras 3.15, which earlier versions read as well.
fn weights_file(
    spec: &ModelSpec,
    weights: &Weights,
    optimizer: &OptimizerState,
) -> Result<Vec<u8>, Fault> {
    check(spec, weights, optimizer)?;
    let mut file = FileBuilder::new();
    let mut layers = file.create_group("layers");
    let groups = naming::groups(spec);
    for ((layer, group), arrays) in spec.layers.iter().zip(groups).zip(&weights.layers) {
        let Some(group) = group else { continue };
        let mut own = layers.create_group(&group);
        let vars = vars(&mut own, &layer.name, |vars| {
            for (i, array) in arrays.iter().enumerate() {
                put(vars, i, array);
            }
        });
        own.add_group(vars);
        layers.add_group(own.finish());
    }
    file.add_group(layers.finish());
    let mut state = file.create_group("optimizer");
    let name = match spec.compile.optimizer.rule {
        OptimizerRule::Sgd { .. } => "sgd",
        OptimizerRule::Adam { .. } => "adam",
        OptimizerRule::AdamW { .. } => "adamw",
        OptimizerRule::RmsProp { .. } => "rmsprop",
    };
    let arrays = vars(&mut state, name, |vars| {
        vars.create_dataset("0")
            .with_i64_data(&[optimizer.iterations])
            .with_shape(&[]);
        vars.create_dataset("1")
            .with_f32_data(&[optimizer.learning_rate])
            .with_shape(&[]);
        for (i, array) in optimizer.slots.iter().enumerate() {
            put(vars, i + 2, array);
        }
    });
    state.add_group(arrays);
    file.add_group(state.finish());
    let mut own = file.create_group("vars");
    own.set_attr("name", AttrValue::String(spec.name.clone()));
    file.add_group(own.finish());
    file.finish().map_err(|e| {
        Fault::without_field("trainer.archive", format!("writing model.weights.h5: {e}"))
    })
}

/// A `vars` group with the name that later versions of Keras record.
fn vars(
    parent: &mut GroupBuilder,
    name: &str,
    fill: impl FnOnce(&mut GroupBuilder),
) -> FinishedGroup {
    let mut vars = parent.create_group("vars");
    vars.set_attr("name", AttrValue::String(name.to_owned()));
    fill(&mut vars);
    vars.finish()
}

fn put(vars: &mut GroupBuilder, index: usize, array: &Array) {
    let shape: Vec<u64> = array.shape.iter().map(|d| *d as u64).collect();
    vars.create_dataset(&index.to_string())
        .with_f32_data(&array.data)
        .with_shape(&shape);
}

/// Holds what is to be written against the specification.
pub(super) fn check(
    spec: &ModelSpec,
    weights: &Weights,
    optimizer: &OptimizerState,
) -> Result<(), Fault> {
    check_weights(spec, weights)?;
    let wanted = super::slot_shapes(spec);
    let same = wanted.len() == optimizer.slots.len()
        && wanted
            .iter()
            .zip(&optimizer.slots)
            .all(|(shape, slot)| fits(shape, slot));
    if same {
        return Ok(());
    }
    Err(Fault::without_field(
        "trainer.archive",
        "the optimizer's state does not have the arrays of this model",
    ))
}

/// Holds weights against the specification.
pub(super) fn check_weights(spec: &ModelSpec, weights: &Weights) -> Result<(), Fault> {
    let same = spec.layers.len() == weights.layers.len()
        && spec
            .layers
            .iter()
            .zip(&weights.layers)
            .all(|(layer, arrays)| {
                layer.weights.len() == arrays.len()
                    && layer
                        .weights
                        .iter()
                        .zip(arrays)
                        .all(|(w, a)| fits(&w.shape, a))
            });
    if same {
        return Ok(());
    }
    Err(Fault::without_field(
        "trainer.archive",
        "the weights do not have the shapes of this model",
    ))
}

fn fits(shape: &[usize], array: &Array) -> bool {
    array.shape == shape && super::layers::elements(shape) == Some(array.data.len())
}
