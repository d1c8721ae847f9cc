//! The definition as the YAML spells it, and the checks that make a [`Definition`] of it.

use std::fmt;
use std::marker::PhantomData;

use assay_protocol::{DataLimits, Fault, deceives};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::kinds::{csv, image_size, tfrecord};
use super::{Definition, Kind, MAX_AXES, MAX_NAME_BYTES, Preprocessing};

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
    pub(super) name: String,
    pub(super) dtype: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeatureForm {
    #[serde(default)]
    pub(super) shape: Vec<usize>,
    pub(super) dtype: String,
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
pub(super) struct Ordered<T>(pub(super) Vec<(String, T)>);

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

pub(super) fn fault(code: &'static str, message: impl Into<String>) -> Fault {
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
pub(super) fn check_axes(what: &str, axes: &[usize]) -> Result<usize, Fault> {
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

pub(super) fn check_name(what: &str, name: &str) -> Result<(), Fault> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(fault(
            "definition.name",
            format!("a {what} name must have between 1 and {MAX_NAME_BYTES} bytes"),
        ));
    }
    // It must be the name in the data, too, so it cannot be changed silently.
    if name.contains(deceives) {
        return Err(fault(
            "definition.name",
            format!(
                "a {what} name has control characters, or characters that turn the writing direction"
            ),
        ));
    }
    Ok(())
}
