//! What the model wants to be told about a row: a class or numbers, as its loss and output shape say.

use std::collections::{BTreeMap, HashMap};

use assay_protocol::Fault;

use crate::engine::Labels;
use crate::spec::Loss;

/// What the loss compares the model's output with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The index of a class, at most `classes` of them.
    Class {
        /// Classes that the output can tell apart.
        classes: usize,
    },
    /// As `Class`, given to the loss as a row of zeros with a one.
    OneHot {
        /// Numbers of an output row.
        classes: usize,
    },
    /// Numbers, `width` a row.
    Values {
        /// Numbers of an output row.
        width: usize,
    },
}

impl Target {
    /// The target that a loss needs at an output shape.
    ///
    /// # Errors
    /// `model.output_shape` if no label of one class or one list of numbers a row could fit.
    pub fn of(loss: Loss, output_shape: &[usize]) -> Result<Self, Fault> {
        let &[width] = output_shape else {
            return Err(Fault::model(
                "model.output_shape",
                format!(
                    "the model's output has the shape {output_shape:?}, but a label is one class or one list of numbers a row; end the model with a layer such as Flatten or Dense that gives one axis"
                ),
            ));
        };
        match loss {
            Loss::BinaryCrossentropy { .. } if width == 1 => Ok(Self::Class { classes: 2 }),
            Loss::BinaryCrossentropy { .. } => Ok(Self::Values { width }),
            Loss::SparseCategoricalCrossentropy { .. } | Loss::CategoricalCrossentropy { .. }
                if width < 2 =>
            {
                Err(Fault::model(
                    "model.output_shape",
                    format!(
                        "the model's categorical cross-entropy needs one output per class, but the output shape is {output_shape:?}; use binary_crossentropy for two classes and one output"
                    ),
                ))
            }
            Loss::SparseCategoricalCrossentropy { .. } => Ok(Self::Class { classes: width }),
            Loss::CategoricalCrossentropy { .. } => Ok(Self::OneHot { classes: width }),
            Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber { .. } => {
                Ok(Self::Values { width })
            }
        }
    }
}

/// Labels as a file gives them, before they are fitted to the target.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RawLabels {
    /// Whole numbers (`bool` columns too).
    Ints(Vec<i64>),
    /// Numbers, `width` a row.
    Floats { width: usize, data: Vec<f64> },
    /// Indices into `names`, in order of first appearance.
    Text { names: Vec<String>, rows: Vec<u32> },
}

/// Text labels while they are read: each text is kept once.
#[derive(Debug, Default)]
pub(super) struct TextLabels {
    index: HashMap<String, u32>,
    names: Vec<String>,
    rows: Vec<u32>,
}

impl TextLabels {
    /// Adds a row. There are fewer rows than 2^32, so the numbers suffice.
    pub(super) fn push(&mut self, text: &str) {
        let position = self.index.get(text).copied().unwrap_or_else(|| {
            let position = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
            self.index.insert(text.to_owned(), position);
            self.names.push(text.to_owned());
            position
        });
        self.rows.push(position);
    }

    pub(super) fn finish(self) -> RawLabels {
        RawLabels::Text {
            names: self.names,
            rows: self.rows,
        }
    }
}

/// Fits labels to the target. The second value names the classes in the order of the outputs; empty for numbers.
///
/// Classes are numbered from 0 in sorted order, numbers by value and text by code point.
pub(super) fn fit(
    labels: RawLabels,
    name: &str,
    target: Target,
) -> Result<(Labels, Vec<String>), Fault> {
    match target {
        Target::Values { width } => Ok((values(labels, name, width)?, Vec::new())),
        Target::Class { classes } => {
            let (rows, names) = classes_of(labels, name, classes)?;
            Ok((Labels::Classes(rows), names))
        }
        Target::OneHot { classes } => {
            if let RawLabels::Floats { width, data } = &labels
                && *width == classes
            {
                let data = data
                    .iter()
                    .map(|value| single(*value, name))
                    .collect::<Result<_, _>>()?;
                return Ok((
                    Labels::Values {
                        width: *width,
                        data,
                    },
                    Vec::new(),
                ));
            }
            let (rows, names) = classes_of(labels, name, classes)?;
            Ok((one_hot(&rows, classes, name)?, names))
        }
    }
}

fn one_hot(rows: &[u32], classes: usize, name: &str) -> Result<Labels, Fault> {
    let too_large = || {
        Fault::dataset(
            "dataset.too_large",
            format!(
                "label {name:?} has {} rows of {classes} classes, too many to hold",
                rows.len()
            ),
        )
    };
    let size = rows
        .len()
        .checked_mul(classes)
        .filter(|size| *size <= 1 << 32)
        .ok_or_else(too_large)?;
    let mut data = vec![0.0; size];
    for (row, class) in data.chunks_exact_mut(classes).zip(rows) {
        if let Some(slot) = row.get_mut(*class as usize) {
            *slot = 1.0;
        }
    }
    Ok(Labels::Values {
        width: classes,
        data,
    })
}

fn values(labels: RawLabels, name: &str, width: usize) -> Result<Labels, Fault> {
    let (given, data) = match labels {
        RawLabels::Ints(values) => (1, values.iter().map(|value| *value as f64).collect()),
        RawLabels::Floats { width, data } => (width, data),
        RawLabels::Text { .. } => {
            return Err(Fault::dataset(
                "dataset.label_type",
                format!(
                    "label {name:?} is text, but the model's loss compares numbers; use a cross-entropy loss for classes"
                ),
            ));
        }
    };
    if given != width {
        return Err(Fault::model(
            "model.output_shape",
            format!("label {name:?} has {given} number(s) a row, but the model gives {width}"),
        ));
    }
    let data = data
        .iter()
        .map(|value| single(*value, name))
        .collect::<Result<_, _>>()?;
    Ok(Labels::Values { width, data })
}

/// The nearest 32-bit float, if there is a finite one.
fn single(value: f64, name: &str) -> Result<f32, Fault> {
    let single = value as f32;
    if single.is_finite() {
        Ok(single)
    } else {
        Err(Fault::dataset(
            "dataset.not_finite",
            format!("label {name:?} has the value {value:e}, which no 32-bit float can hold"),
        ))
    }
}

fn classes_of(
    labels: RawLabels,
    name: &str,
    classes: usize,
) -> Result<(Vec<u32>, Vec<String>), Fault> {
    let (rows, names) = match labels {
        RawLabels::Ints(values) => numbered(values),
        RawLabels::Floats { width: 1, data } => {
            let whole = data
                .iter()
                .map(|value| whole(*value, name))
                .collect::<Result<_, _>>()?;
            numbered(whole)
        }
        RawLabels::Floats { width, .. } => {
            return Err(Fault::dataset(
                "dataset.label_type",
                format!(
                    "label {name:?} has {width} numbers a row, but the model's loss wants one class a row"
                ),
            ));
        }
        RawLabels::Text { names, rows } => sorted(&names, &rows),
    };
    check_classes(&names, name, classes)?;
    Ok((rows, names))
}

/// One class cannot be learnt, and more classes than outputs cannot be told apart.
pub(super) fn check_classes(names: &[String], label: &str, outputs: usize) -> Result<(), Fault> {
    if names.len() > outputs {
        let shown: Vec<_> = names.iter().take(5).collect();
        return Err(Fault::dataset(
            "dataset.too_many_classes",
            format!(
                "label {label:?} has {} classes (first {shown:?}), but the model can tell {outputs} apart",
                names.len()
            ),
        ));
    }
    if names.len() < 2 {
        return Err(Fault::dataset(
            "dataset.one_class",
            format!(
                "every row of the data set has the same class {names:?} of label {label:?}; a classifier needs at least two"
            ),
        ));
    }
    Ok(())
}

/// A whole number as classes are, whatever its type.
fn whole(value: f64, name: &str) -> Result<i64, Fault> {
    const EXACT: f64 = (1u64 << 53) as f64;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        Ok(value as i64)
    } else {
        Err(Fault::dataset(
            "dataset.label_type",
            format!(
                "label {name:?} has the value {value}, but the model's loss wants classes, which are whole numbers or text; use a regression loss such as mse for numbers"
            ),
        ))
    }
}

fn numbered(values: Vec<i64>) -> (Vec<u32>, Vec<String>) {
    let mut index: BTreeMap<i64, u32> = values.iter().map(|value| (*value, 0)).collect();
    for (position, slot) in (0..).zip(index.values_mut()) {
        *slot = position;
    }
    let rows = values
        .iter()
        .map(|value| index.get(value).copied().unwrap_or_default())
        .collect();
    (rows, index.keys().map(i64::to_string).collect())
}

fn sorted(names: &[String], rows: &[u32]) -> (Vec<u32>, Vec<String>) {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|a, b| names.get(*a).cmp(&names.get(*b)));
    let mut rank = vec![0u32; names.len()];
    for (position, original) in (0..).zip(&order) {
        if let Some(slot) = rank.get_mut(*original) {
            *slot = position;
        }
    }
    let rows = rows
        .iter()
        .map(|row| rank.get(*row as usize).copied().unwrap_or_default())
        .collect();
    let names = order
        .iter()
        .filter_map(|at| names.get(*at).cloned())
        .collect();
    (rows, names)
}

#[cfg(test)]
mod tests;
