//! The definition as the YAML spells it, and the checks that make a [`Definition`] of it.

use std::fmt;
use std::marker::PhantomData;

use assay_protocol::{DataLimits, Fault};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::{
    ColumnType, DEFAULT_IMAGE_SIDE, Definition, Dtype, Feature, Kind, MAX_AXES, MAX_NAME_BYTES,
    Preprocessing,
};

/// The keys of the file. Everything is optional here; what a type needs is checked afterwards.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(default, rename = "type")]
    kind: Option<KindName>,
    columns: Option<Ordered<String>>,
    label: Option<LabelForm>,
    features: Option<Ordered<FeatureForm>>,
    flatten_features: Option<bool>,
    image_size: Option<Vec<usize>>,
    input_shape: Option<Vec<usize>>,
    output_shape: Option<Vec<usize>>,
    preprocessing: Option<PreprocessingForm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindName {
    Csv,
    Image,
    TfRecord,
}

#[derive(Debug)]
pub(super) enum LabelForm {
    Name(String),
    Typed(TypedLabel),
}

impl<'de> Deserialize<'de> for LabelForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Label;
        impl<'de> Visitor<'de> for Label {
            type Value = LabelForm;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the label's name (in quotes if it looks like a number or true/false) or {name, dtype}",
                )
            }
            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(LabelForm::Name(name.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                TypedLabel::deserialize(MapAccessDeserializer::new(map)).map(LabelForm::Typed)
            }
        }
        deserializer.deserialize_any(Label)
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedLabel {
    name: String,
    dtype: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeatureForm {
    #[serde(default)]
    shape: Vec<usize>,
    dtype: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PreprocessingForm {
    normalize: Option<bool>,
    scale: Option<f64>,
    clip: Option<Vec<f64>>,
}

/// A mapping in the order of the file: records are joined in that order, and errors name the first key at fault.
#[derive(Debug)]
pub(super) struct Ordered<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping from names to settings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

fn fault(code: &'static str, message: impl Into<String>) -> Fault {
    Fault::definition(code, message)
}

impl Document {
    pub(super) fn check(self, limits: &DataLimits) -> Result<Definition, Fault> {
        let kind_name = self.kind.unwrap_or(KindName::Csv);
        self.refuse_foreign_keys(kind_name)?;
        let input_shape = shape("input_shape", self.input_shape)?;
        let output_shape = shape("output_shape", self.output_shape)?;
        let preprocessing = match self.preprocessing {
            None => Preprocessing::default(),
            Some(form) => form.check()?,
        };
        let kind = match kind_name {
            KindName::Csv => csv(self.columns, self.label, limits)?,
            KindName::Image => Kind::Image {
                size: image_size(self.image_size, input_shape.as_deref())?,
            },
            KindName::TfRecord => tfrecord(
                self.features,
                self.label,
                self.flatten_features.unwrap_or(true),
                limits,
            )?,
        };
        Ok(Definition {
            kind,
            input_shape,
            output_shape,
            preprocessing,
        })
    }

    /// A key that the type does not use is a misunderstanding, and never ignored.
    fn refuse_foreign_keys(&self, kind: KindName) -> Result<(), Fault> {
        use KindName::{Csv, Image, TfRecord};
        let uses: [(&str, bool, &[KindName]); 5] = [
            ("columns", self.columns.is_some(), &[Csv]),
            ("label", self.label.is_some(), &[Csv, TfRecord]),
            ("features", self.features.is_some(), &[TfRecord]),
            (
                "flatten_features",
                self.flatten_features.is_some(),
                &[TfRecord],
            ),
            ("image_size", self.image_size.is_some(), &[Image]),
        ];
        for (key, present, kinds) in uses {
            if present && !kinds.contains(&kind) {
                let name = match kind {
                    Csv => "csv",
                    Image => "image",
                    TfRecord => "tfrecord",
                };
                return Err(fault(
                    "definition.key_not_used",
                    format!(
                        "the key {key:?} has no meaning for a data set of type {name}; take it out, or say the right type"
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl PreprocessingForm {
    fn check(self) -> Result<Preprocessing, Fault> {
        if let Some(scale) = self.scale
            && (!scale.is_finite() || scale == 0.0)
        {
            return Err(fault(
                "definition.preprocessing",
                format!("preprocessing.scale is {scale}; it must be a finite number other than 0"),
            ));
        }
        let clip = match self.clip.as_deref() {
            None => None,
            Some(&[low, high]) if low.is_finite() && high.is_finite() && low < high => {
                Some([low, high])
            }
            Some(other) => {
                return Err(fault(
                    "definition.preprocessing",
                    format!(
                        "preprocessing.clip must be two finite numbers, the smaller first; it has {} values",
                        other.len()
                    ),
                ));
            }
        };
        Ok(Preprocessing {
            normalize: self.normalize.unwrap_or(false),
            scale: self.scale,
            clip,
        })
    }
}

fn csv(
    columns: Option<Ordered<String>>,
    label: Option<LabelForm>,
    limits: &DataLimits,
) -> Result<Kind, Fault> {
    let Some(Ordered(columns)) = columns else {
        return Err(fault(
            "definition.columns_missing",
            "the key \"columns\" is missing; list every column of the file with its type, as \"age: int\"",
        ));
    };
    if columns.len() as u64 > limits.csv_columns {
        return Err(fault(
            "definition.too_large",
            format!(
                "{} columns are listed, but at most {} are read",
                columns.len(),
                limits.csv_columns
            ),
        ));
    }
    let label = match label {
        Some(LabelForm::Name(name)) => name,
        Some(LabelForm::Typed(_)) => {
            return Err(fault(
                "definition.label",
                "the label of a csv data set is the name of a column; its type stands under \"columns\"",
            ));
        }
        None => return Err(label_missing()),
    };
    let columns = columns
        .into_iter()
        .map(|(name, text)| {
            check_name("column", &name)?;
            let kind = ColumnType::parse(&text).ok_or_else(|| {
                fault(
                    "definition.column_type",
                    format!(
                        "column {name:?} has the type {text:?}; use int, float, bool or string"
                    ),
                )
            })?;
            Ok((name, kind))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    if !columns.iter().any(|(name, _)| *name == label) {
        return Err(fault(
            "definition.label",
            format!("the label {label:?} is not among the columns"),
        ));
    }
    if columns.len() < 2 {
        return Err(fault(
            "definition.no_features",
            "the label is the only column; a model needs at least one feature",
        ));
    }
    if let Some((name, _)) = columns
        .iter()
        .find(|(name, kind)| *name != label && *kind == ColumnType::Text)
    {
        return Err(fault(
            "definition.text_feature",
            format!(
                "column {name:?} is text, but only numbers can enter the model; encode it as numbers or take it out of the file"
            ),
        ));
    }
    Ok(Kind::Csv { columns, label })
}

fn tfrecord(
    features: Option<Ordered<FeatureForm>>,
    label: Option<LabelForm>,
    flatten: bool,
    limits: &DataLimits,
) -> Result<Kind, Fault> {
    let features = features.map(|Ordered(list)| list).unwrap_or_default();
    if features.is_empty() {
        return Err(fault(
            "definition.features_missing",
            "the key \"features\" is missing or empty; list every feature of a record with its shape and dtype",
        ));
    }
    let (label, label_dtype) = match label {
        Some(LabelForm::Name(name)) => (name, None),
        Some(LabelForm::Typed(typed)) => {
            let dtype = typed
                .dtype
                .map(|text| dtype(&typed.name, &text))
                .transpose()?;
            (typed.name, dtype)
        }
        None => return Err(label_missing()),
    };
    let features = features
        .into_iter()
        .map(|(name, form)| feature(name, form, limits))
        .collect::<Result<Vec<_>, Fault>>()?;
    if features.iter().any(|(name, _)| *name == label) {
        return Err(fault(
            "definition.label",
            format!(
                "the label {label:?} is also listed under \"features\"; the model would be shown the answer, so take it out there"
            ),
        ));
    }
    if !flatten && features.len() > 1 {
        return Err(fault(
            "definition.flatten_features",
            format!(
                "{} features cannot enter a model of one input unless flatten_features is true",
                features.len()
            ),
        ));
    }
    Ok(Kind::TfRecord {
        features,
        label,
        label_dtype,
        flatten,
    })
}

fn feature(
    name: String,
    form: FeatureForm,
    limits: &DataLimits,
) -> Result<(String, Feature), Fault> {
    check_name("feature", &name)?;
    let dtype = dtype(&name, &form.dtype)?;
    let size = check_axes(&format!("the shape of feature {name:?}"), &form.shape)?;
    if size as u64 > limits.values {
        return Err(fault(
            "definition.too_large",
            format!(
                "feature {name:?} has {size} numbers, but at most {} are read",
                limits.values
            ),
        ));
    }
    let shape = form.shape;
    Ok((name, Feature { shape, dtype }))
}

fn dtype(name: &str, text: &str) -> Result<Dtype, Fault> {
    Dtype::parse(text).ok_or_else(|| {
        fault(
            "definition.dtype",
            format!("{name:?} has the dtype {text:?}; use float32, float64, int64, int32, int16, int8, uint16 or uint8"),
        )
    })
}

fn label_missing() -> Fault {
    fault(
        "definition.label",
        "the key \"label\" is missing; it names what the model learns to predict",
    )
}

fn image_size(given: Option<Vec<usize>>, input: Option<&[usize]>) -> Result<[usize; 2], Fault> {
    let size = match (given.as_deref(), input) {
        (Some(&[height, width]), _) | (None, Some(&[height, width, _])) => [height, width],
        (None, _) => [DEFAULT_IMAGE_SIDE; 2],
        (Some(other), _) => {
            return Err(fault(
                "definition.image_size",
                format!(
                    "image_size must be [height, width]; it has {} values",
                    other.len()
                ),
            ));
        }
    };
    check_axes("image_size", &size)?;
    if let Some(&[height, width, _]) = input
        && size != [height, width]
    {
        return Err(fault(
            "definition.image_size",
            format!("image_size is {size:?}, but input_shape begins with [{height}, {width}]"),
        ));
    }
    Ok(size)
}

fn shape(key: &str, given: Option<Vec<usize>>) -> Result<Option<Vec<usize>>, Fault> {
    if let Some(axes) = &given {
        if axes.is_empty() {
            return Err(fault("definition.shape", format!("{key} is empty")));
        }
        check_axes(key, axes)?;
    }
    Ok(given)
}

/// The product of the axes, each at least 1, so small that no later product of it overflows.
fn check_axes(what: &str, axes: &[usize]) -> Result<usize, Fault> {
    if axes.len() > MAX_AXES || axes.contains(&0) {
        return Err(fault(
            "definition.shape",
            format!("{what} must have at most {MAX_AXES} axes, each at least 1"),
        ));
    }
    axes.iter()
        .try_fold(1usize, |product, axis| product.checked_mul(*axis))
        .filter(|size| *size <= 1 << 40)
        .ok_or_else(|| fault("definition.shape", format!("{what} is far too large")))
}

fn check_name(what: &str, name: &str) -> Result<(), Fault> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(fault(
            "definition.name",
            format!("a {what} name must have between 1 and {MAX_NAME_BYTES} bytes"),
        ));
    }
    Ok(())
}
