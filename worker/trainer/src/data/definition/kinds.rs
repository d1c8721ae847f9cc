//! What each type of data set needs of the definition's keys.

use assay_protocol::{DataLimits, Fault};

use super::document::{FeatureForm, LabelForm, Ordered, check_axes, check_name, fault};
use super::{ColumnType, DEFAULT_IMAGE_SIDE, Dtype, Feature, Kind};

/// A table: its columns and its label.
pub(super) fn csv(
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
    let columns = column_types(columns)?;
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

/// Every column with its type.
fn column_types(columns: Vec<(String, String)>) -> Result<Vec<(String, ColumnType)>, Fault> {
    columns
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
        .collect()
}

/// Records: their features and their label.
pub(super) fn tfrecord(
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

/// Height and width of an image: from `image_size`, else from `input_shape`, else the default.
pub(super) fn image_size(
    given: Option<Vec<usize>>,
    input: Option<&[usize]>,
) -> Result<[usize; 2], Fault> {
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
