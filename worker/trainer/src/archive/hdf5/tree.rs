//! The part of the HDF5 tree that Keras writes: `layers/<group>/vars/<i>` and `optimizer/vars/<i>`.

use std::sync::atomic::Ordering;

use assay_protocol::Fault;
use hdf5_pure::{AttrValue, DType, Dataset, File, Group, Layout};

use super::budget::Bulk;
use crate::archive::fault;
use crate::archive::layers::elements;
use crate::spec::Array;

/// Subgroups of a layer that hold no weights: the state of a dropout layer's random numbers.
const NO_WEIGHTS: [&str; 1] = ["seed_generator"];

/// An opened weights file.
pub(in crate::archive) struct Tree {
    file: File,
    bulk: Bulk,
}

/// `layers/<group>`.
pub(in crate::archive) struct LayerGroup {
    /// The group's own name, as `dense_1`.
    pub(in crate::archive) group: String,
    /// The layer's name, where the file says it (Keras 3.6 and later).
    pub(in crate::archive) name: Option<String>,
    /// How many arrays it holds.
    pub(in crate::archive) arrays: usize,
    vars: Option<Group>,
}

/// `optimizer/vars`.
pub(in crate::archive) struct OptimizerGroup {
    /// How many arrays it holds.
    pub(in crate::archive) arrays: usize,
    vars: Group,
}

impl Tree {
    pub(super) fn new(file: File, bulk: Bulk) -> Self {
        Self { file, bulk }
    }

    /// Every group of `layers`, at most `max`.
    pub(in crate::archive) fn layers(&self, max: usize) -> Result<Vec<LayerGroup>, Fault> {
        let root = self.file.root();
        if !root.groups().map_err(|e| super::broken(&e))?.iter().any(|g| g == "layers") {
            return Ok(Vec::new());
        }
        let layers = root.group("layers").map_err(|e| super::broken(&e))?;
        let names = layers.groups().map_err(|e| super::broken(&e))?;
        if names.len() > max {
            return Err(fault::malformed(format!(
                "model.weights.h5 has {} layers, more than the model",
                names.len()
            )));
        }
        names.into_iter().map(|name| layer(&layers, name)).collect()
    }

    /// The optimizer's state, if the file has one.
    pub(in crate::archive) fn optimizer(&self) -> Result<Option<OptimizerGroup>, Fault> {
        let Ok(vars) = self.file.group("optimizer/vars") else {
            return Ok(None);
        };
        let arrays = count(&vars, "the optimizer")?;
        Ok(Some(OptimizerGroup { arrays, vars }))
    }

    /// Array `index` of a layer, which must have `shape`.
    pub(in crate::archive) fn weight(
        &self,
        layer: &LayerGroup,
        index: usize,
        shape: &[usize],
        what: &str,
    ) -> Result<Array, Fault> {
        let vars = layer.vars.as_ref().ok_or_else(|| missing(what))?;
        let data = vars.dataset(&index.to_string()).map_err(|_| missing(what))?;
        self.floats(&data, shape, what)
    }

    /// Array `index` of the optimizer, which must have `shape`.
    pub(in crate::archive) fn slot(
        &self,
        optimizer: &OptimizerGroup,
        index: usize,
        shape: &[usize],
    ) -> Result<Array, Fault> {
        let what = format!("the optimizer's array {index}");
        let data = optimizer.vars.dataset(&index.to_string()).map_err(|_| missing(&what))?;
        self.floats(&data, shape, &what)
    }

    /// The optimizer's steps: a scalar of 32 or 64 bits, by backend.
    pub(in crate::archive) fn iterations(&self, optimizer: &OptimizerGroup) -> Result<i64, Fault> {
        let what = "the optimizer's iterations";
        let data = optimizer.vars.dataset("0").map_err(|_| missing(what))?;
        let whole = matches!(
            data.dtype().map_err(|e| super::broken(&e))?,
            DType::I32 | DType::I64 | DType::U32 | DType::U64
        );
        let bytes = self.check_stored(&data, &[], what)?;
        if !whole || bytes > 8 {
            return Err(fault::malformed(format!("{what} are not one whole number")));
        }
        let numbers = data.read_i64().map_err(|e| super::broken(&e))?;
        match numbers.as_slice() {
            [n] if *n >= 0 => Ok(*n),
            _ => Err(fault::malformed(format!("{what} are not one whole number of at least 0"))),
        }
    }

    fn floats(&self, data: &Dataset, shape: &[usize], what: &str) -> Result<Array, Fault> {
        if data.dtype().map_err(|e| super::broken(&e))? != DType::F32 {
            return Err(fault::malformed(format!("{what} is not of 32-bit floats")));
        }
        self.check_stored(data, shape, what)?;
        self.bulk.store(true, Ordering::Relaxed);
        let numbers = data.read_f32();
        self.bulk.store(false, Ordering::Relaxed);
        let numbers = numbers.map_err(|e| super::broken(&e))?;
        if Some(numbers.len()) != elements(shape) {
            return Err(fault::malformed(format!("{what} does not hold the numbers of its shape")));
        }
        if let Some(bad) = numbers.iter().find(|n| !n.is_finite()) {
            return Err(Fault::model(
                "model.not_finite",
                format!("{what} holds {bad}; weights must be finite"),
            ));
        }
        Ok(Array {
            shape: shape.to_vec(),
            data: numbers,
        })
    }

    /// Checks shape and storage before anything is reserved; returns the stored bytes.
    fn check_stored(&self, data: &Dataset, shape: &[usize], what: &str) -> Result<u64, Fault> {
        let stored = data.shape().map_err(|e| super::broken(&e))?;
        if !stored.iter().copied().eq(shape.iter().map(|d| *d as u64)) {
            return Err(Fault::model(
                "model.weight_shape",
                format!(
                    "{what} has shape {} in model.weights.h5 but {shape:?} by config.json",
                    fault::short(&format!("{stored:?}"))
                ),
            ));
        }
        let element = data.element_size().map_err(|e| super::broken(&e))?;
        let wanted = elements(shape).and_then(|n| (n as u64).checked_mul(element));
        let size = match data.layout().map_err(|e| super::broken(&e))? {
            Layout::Compact { size } => size,
            Layout::Contiguous {
                address: Some(at),
                size,
            } if at.checked_add(size).is_some_and(|end| end <= self.file.file_size()) => size,
            _ => {
                return Err(fault::malformed(format!(
                    "{what} is not stored in one piece inside model.weights.h5, as Keras writes it"
                )));
            }
        };
        if Some(size) != wanted {
            return Err(fault::malformed(format!("{what} is stored in {size} bytes, not those of its shape")));
        }
        Ok(size)
    }
}

fn layer(layers: &Group, group: String) -> Result<LayerGroup, Fault> {
    let what = format!("the group {:?}", fault::short(&group));
    let own = layers.group(&group).map_err(|e| super::broken(&e))?;
    let children = own.groups().map_err(|e| super::broken(&e))?;
    if let Some(other) = children.iter().find(|c| *c != "vars" && !NO_WEIGHTS.contains(&c.as_str())) {
        return Err(fault::malformed(format!(
            "{what} of model.weights.h5 holds {:?}, which no supported layer has",
            fault::short(other)
        )));
    }
    if !children.iter().any(|c| c == "vars") {
        return Ok(LayerGroup {
            group,
            name: None,
            arrays: 0,
            vars: None,
        });
    }
    let vars = own.group("vars").map_err(|e| super::broken(&e))?;
    let mut attributes = vars.attrs().map_err(|e| super::broken(&e))?;
    let name = match attributes.remove("name") {
        Some(AttrValue::String(s) | AttrValue::AsciiString(s)) => Some(s),
        _ => None,
    };
    Ok(LayerGroup {
        arrays: count(&vars, &what)?,
        group,
        name,
        vars: Some(vars),
    })
}

fn count(vars: &Group, what: &str) -> Result<usize, Fault> {
    let names = vars.datasets().map_err(|e| super::broken(&e))?;
    let numbered = (0..names.len()).all(|i| names.contains(&i.to_string()));
    if !numbered || !vars.groups().map_err(|e| super::broken(&e))?.is_empty() {
        return Err(fault::malformed(format!("{what} of model.weights.h5 is not a list of arrays")));
    }
    Ok(names.len())
}

fn missing(what: &str) -> Fault {
    fault::malformed(format!("model.weights.h5 lacks {what}"))
}
