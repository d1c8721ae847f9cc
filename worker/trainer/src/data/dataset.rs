//! A data set in memory: first as read ([`Loaded`]), then as the model sees it ([`Dataset`]).

use assay_protocol::{DataLimits, Fault};
use serde_json::{Value, json};

use super::definition::{Definition, Kind};
use super::preprocess::{Numbers, Steps};
use super::target::{self, RawLabels, Target};
use super::{csv, image, tfrecord};
use crate::engine::{Labels, Rows};

/// A data set as read and checked, its numbers not yet preprocessed.
#[derive(Debug)]
pub struct Loaded {
    numbers: Numbers,
    labels: Labels,
    rows: usize,
    shape: Vec<usize>,
    description: Description,
}

/// What people and records are told of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Names of the features, in the order in which they enter the model (not for images).
    pub features: Vec<String>,
    /// The label's name (not for images, whose label is the folder).
    pub label: Option<String>,
    /// The classes in the order of their numbers; empty for regression.
    pub classes: Vec<String>,
    /// Height and width of the image files (images only).
    pub file_size: Option<[usize; 2]>,
}

impl Loaded {
    /// Reads a data set for a model of the given input shape (of one row) and target.
    ///
    /// # Errors
    /// `dataset.*`, and `model.input_shape` where an image model takes something else than grey or RGB.
    pub fn read(
        bytes: &[u8],
        definition: &Definition,
        input_shape: &[usize],
        target: Target,
        limits: &DataLimits,
    ) -> Result<Self, Fault> {
        match &definition.kind {
            Kind::Csv { columns, label } => {
                let table = csv::read(bytes, columns, label, limits)?;
                let (labels, classes) = target::fit(table.labels, label, target)?;
                Ok(Self {
                    numbers: Numbers::Double(table.values),
                    labels,
                    rows: table.rows,
                    shape: vec![table.features.len()],
                    description: Description {
                        features: table.features,
                        label: Some(label.clone()),
                        classes,
                        file_size: None,
                    },
                })
            }
            Kind::Image { size } => images(bytes, *size, input_shape, target, limits),
            Kind::TfRecord {
                features,
                label,
                label_dtype,
                flatten,
            } => {
                let asked = tfrecord::Label {
                    name: label,
                    dtype: *label_dtype,
                };
                let records = tfrecord::read(bytes, features, asked, limits)?;
                let (labels, classes) = target::fit(records.labels, label, target)?;
                let shape = match features.as_slice() {
                    [(_, only)] if !flatten && !only.shape.is_empty() => only.shape.clone(),
                    all => vec![all.iter().map(|(_, feature)| feature.size()).sum()],
                };
                Ok(Self {
                    numbers: Numbers::Single(records.values),
                    labels,
                    rows: records.rows,
                    shape,
                    description: Description {
                        features: features.iter().map(|(name, _)| name.clone()).collect(),
                        label: Some(label.clone()),
                        classes,
                        file_size: None,
                    },
                })
            }
        }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Shape of one row.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// What people and records are told of it.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Preprocesses every row, fitted to the training rows; the second value is `preprocessing.json`.
    ///
    /// # Errors
    /// `dataset.not_finite` if a number leaves the range of 32-bit floats.
    pub fn prepare(
        self,
        definition: &Definition,
        training: &[u32],
    ) -> Result<(Dataset, Value), Fault> {
        let length: usize = self.shape.iter().product();
        let channels = self.shape.last().copied().unwrap_or(1);
        let wanted = &definition.preprocessing;
        let steps = Steps::fit(wanted, &self.numbers, training, length, channels);
        let recipe = self.recipe(definition, &steps, training.len());
        let numbers = match self.numbers {
            Numbers::Whole(pixels) => Prepared::Pixels {
                pixels,
                tables: steps.tables(channels)?,
            },
            Numbers::Single(all) => Prepared::Numbers(steps.apply_in_place(all, channels)?),
            Numbers::Double(all) => Prepared::Numbers(steps.apply_all(&all, channels, |v| v)?),
        };
        let dataset = Dataset {
            numbers,
            labels: self.labels,
            rows: self.rows,
            shape: self.shape,
            length,
        };
        Ok((dataset, recipe))
    }

    fn recipe(&self, definition: &Definition, steps: &Steps, training_rows: usize) -> Value {
        let about = &self.description;
        let mut recipe = json!({
            "format": "assay-preprocessing",
            "version": 1,
            "type": definition.kind.name(),
            "input_shape": self.shape,
            "label": about.label,
            "classes": about.classes,
            "training_rows": training_rows,
            "steps": steps.to_json(),
        });
        let more = match &definition.kind {
            Kind::Csv { columns, .. } => {
                let kind_of = |name: &String| {
                    columns
                        .iter()
                        .find(|(known, _)| known == name)
                        .map(|(_, kind)| kind.name())
                };
                let features: Vec<Value> = about
                    .features
                    .iter()
                    .map(|name| json!({"name": name, "type": kind_of(name)}))
                    .collect();
                ("features", Value::Array(features))
            }
            Kind::TfRecord { features, .. } => {
                let features: Vec<Value> = features
                    .iter()
                    .map(|(name, feature)| {
                        json!({"name": name, "shape": feature.shape, "dtype": feature.dtype.name()})
                    })
                    .collect();
                ("features", Value::Array(features))
            }
            Kind::Image { size } => (
                "image",
                json!({
                    "size": size,
                    "file_size": about.file_size,
                    "values": "0 to 255",
                    "resize": "bilinear, half-pixel centres, no antialiasing",
                }),
            ),
        };
        if let Value::Object(map) = &mut recipe {
            map.insert(more.0.to_owned(), more.1);
        }
        recipe
    }
}

fn images(
    bytes: &[u8],
    size: [usize; 2],
    input_shape: &[usize],
    target: Target,
    limits: &DataLimits,
) -> Result<Loaded, Fault> {
    let channels = match *input_shape {
        [_, _, channels @ (1 | 3)] => channels,
        _ => {
            return Err(Fault::model(
                "model.input_shape",
                format!(
                    "images are [height, width, 1] (grey) or [height, width, 3] (RGB), but the model's input is {input_shape:?}"
                ),
            ));
        }
    };
    if let Target::Values { .. } = target {
        return Err(Fault::model(
            "model.loss",
            "the classes of an image data set are its folders, but the model's loss compares numbers; compile it with a cross-entropy loss that fits its outputs",
        ));
    }
    let images = image::read(bytes, size, channels, limits)?;
    let rows = images.labels.len();
    let labels = RawLabels::Text {
        names: images.classes,
        rows: images.labels,
    };
    let (labels, classes) = target::fit(labels, "folder name", target)?;
    Ok(Loaded {
        numbers: match images.pixels {
            image::Pixels::Whole(pixels) => Numbers::Whole(pixels),
            image::Pixels::Resized(pixels) => Numbers::Single(pixels),
        },
        labels,
        rows,
        shape: images.shape.to_vec(),
        description: Description {
            features: Vec::new(),
            label: None,
            classes,
            file_size: Some(images.file_size),
        },
    })
}

/// A data set as the model sees it.
#[derive(Debug)]
pub struct Dataset {
    numbers: Prepared,
    labels: Labels,
    rows: usize,
    shape: Vec<usize>,
    length: usize,
}

#[derive(Debug)]
enum Prepared {
    /// A byte a number, and what each byte becomes in each channel: a quarter of the memory of floats.
    Pixels {
        pixels: Vec<u8>,
        tables: Vec<[f32; 256]>,
    },
    Numbers(Vec<f32>),
}

impl Rows for Dataset {
    fn rows(&self) -> usize {
        self.rows
    }

    fn input_shape(&self) -> &[usize] {
        &self.shape
    }

    fn gather(&self, rows: &[u32], x: &mut Vec<f32>, y: &mut Labels) {
        x.clear();
        x.reserve(rows.len() * self.length);
        for row in rows {
            let start = *row as usize * self.length;
            let range = start..start + self.length;
            match &self.numbers {
                Prepared::Numbers(all) => {
                    x.extend_from_slice(all.get(range).unwrap_or_default());
                }
                Prepared::Pixels { pixels, tables } => {
                    let image = pixels.get(range).unwrap_or_default();
                    let channels = tables.iter().cycle();
                    x.extend(
                        image
                            .iter()
                            .zip(channels)
                            .map(|(byte, table)| table[usize::from(*byte)]),
                    );
                }
            }
        }
        self.gather_labels(rows, y);
    }
}

impl Dataset {
    fn gather_labels(&self, rows: &[u32], y: &mut Labels) {
        match (&self.labels, y) {
            (Labels::Classes(all), Labels::Classes(y)) => {
                y.clear();
                y.extend(rows.iter().filter_map(|row| all.get(*row as usize)));
            }
            (
                Labels::Values { width, data: all },
                Labels::Values {
                    width: y_width,
                    data: y,
                },
            ) => {
                *y_width = *width;
                y.clear();
                for row in rows {
                    let start = *row as usize * width;
                    y.extend_from_slice(all.get(start..start + width).unwrap_or_default());
                }
            }
            (Labels::Classes(_), y) => {
                *y = Labels::Classes(Vec::new());
                self.gather_labels(rows, y);
            }
            (Labels::Values { width, .. }, y) => {
                *y = Labels::Values {
                    width: *width,
                    data: Vec::new(),
                };
                self.gather_labels(rows, y);
            }
        }
    }
}
