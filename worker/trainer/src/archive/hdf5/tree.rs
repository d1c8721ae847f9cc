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
    /// Its arrays, not yet read.
    pub(in crate::archive) arrays: Vec<Dataset>,
}

impl Tree {
    pub(super) fn new(file: File, bulk: Bulk) -> Self {
        Self { file, bulk }
    }

    /// Every group of `layers`, at most `max`.
    pub(in crate::archive) fn layers(&self, max: usize) -> Result<Vec<LayerGroup>, Fault> {
        let mut root = self
            .file
            .root()
            .iter_groups()
            .map_err(|e| super::broken(&e))?;
        let Some((_, layers)) = root.find(|(name, _)| name == "layers") else {
            return Ok(Vec::new());
        };
        let groups = layers.iter_groups().map_err(|e| super::broken(&e))?;
        if groups.len() > max {
            return Err(fault::malformed(format!(
                "model.weights.h5 has {} layers, more than the model",
                groups.len()
            )));
        }
        groups.map(|(name, group)| layer(name, &group)).collect()
    }

    /// The arrays of the optimizer's state; none if the file has no such state.
    pub(in crate::archive) fn optimizer(&self) -> Result<Vec<Dataset>, Fault> {
        match self.file.group("optimizer/vars") {
            Ok(vars) => arrays(&vars, "the optimizer"),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// The optimizer's steps: a scalar of 32 or 64 bits, by backend.
    pub(in crate::archive) fn iterations(&self, data: &Dataset) -> Result<i64, Fault> {
        let what = "the optimizer's iterations";
        let whole = matches!(
            data.dtype().map_err(|e| super::broken(&e))?,
            DType::I32 | DType::I64 | DType::U32 | DType::U64
        );
        let bytes = self.check_stored(data, &[], what)?;
        if !whole || bytes > 8 {
            return Err(fault::malformed(format!("{what} are not one whole number")));
        }
        let numbers = data.read_i64().map_err(|e| super::broken(&e))?;
        match numbers.as_slice() {
            [n] if *n >= 0 => Ok(*n),
            _ => Err(fault::malformed(format!(
                "{what} are not one whole number of at least 0"
            ))),
        }
    }

    /// The numbers of an array that must have `shape`; `what` names it.
    pub(in crate::archive) fn floats(
        &self,
        data: &Dataset,
        shape: &[usize],
        what: &str,
    ) -> Result<Array, Fault> {
        if data.dtype().map_err(|e| super::broken(&e))? != DType::F32 {
            return Err(fault::malformed(format!("{what} is not of 32-bit floats")));
        }
        self.check_stored(data, shape, what)?;
        self.bulk.store(true, Ordering::Relaxed);
        let numbers = data.read_f32();
        self.bulk.store(false, Ordering::Relaxed);
        let numbers = numbers.map_err(|e| super::broken(&e))?;
        if Some(numbers.len()) != elements(shape) {
            return Err(fault::malformed(format!(
                "{what} does not hold the numbers of its shape"
            )));
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
            } if at
                .checked_add(size)
                .is_some_and(|end| end <= self.file.file_size()) =>
            {
                size
            }
            _ => {
                return Err(fault::malformed(format!(
                    "{what} is not stored in one piece inside model.weights.h5, as Keras writes it"
                )));
            }
        };
        if Some(size) != wanted {
            return Err(fault::malformed(format!(
                "{what} is stored in {size} bytes, not those of its shape"
            )));
        }
        Ok(size)
    }
}

fn layer(group: String, own: &Group) -> Result<LayerGroup, Fault> {
    let what = format!("the group {:?}", fault::short(&group));
    let mut layer = LayerGroup {
        group,
        name: None,
        arrays: Vec::new(),
    };
    for (child, vars) in own.iter_groups().map_err(|e| super::broken(&e))? {
        if NO_WEIGHTS.contains(&child.as_str()) {
            continue;
        }
        if child != "vars" {
            return Err(fault::malformed(format!(
                "{what} of model.weights.h5 holds {:?}, which no supported layer has",
                fault::short(&child)
            )));
        }
        let attributes = vars.attrs().map_err(|e| super::broken(&e))?;
        layer.name = attributes
            .get("name")
            .and_then(AttrValue::as_str)
            .map(str::to_owned);
        layer.arrays = arrays(&vars, &what)?;
    }
    Ok(layer)
}

/// The arrays named `0`, `1`, … of a group, in this order.
fn arrays(vars: &Group, what: &str) -> Result<Vec<Dataset>, Fault> {
    let wrong = || {
        fault::malformed(format!(
            "{what} of model.weights.h5 is not a list of arrays"
        ))
    };
    if vars.iter_groups().map_err(|e| super::broken(&e))?.len() > 0 {
        return Err(wrong());
    }
    let mut numbered = Vec::new();
    for (name, data) in vars.iter_datasets().map_err(|e| super::broken(&e))? {
        let index: usize = name.parse().map_err(|_| wrong())?;
        numbered.push((index, data));
    }
    numbered.sort_by_key(|(index, _)| *index);
    if numbered
        .iter()
        .enumerate()
        .any(|(i, (index, _))| i != *index)
    {
        return Err(wrong());
    }
    Ok(numbered.into_iter().map(|(_, data)| data).collect())
}
