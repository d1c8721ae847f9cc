//! The labels of a file of records.

use assay_protocol::Fault;

use super::example::List;
use crate::data::definition::Dtype;
use crate::data::target::{RawLabels, TextLabels};

/// The labels while they are read: one kind and one width for the whole file.
#[derive(Debug, Default)]
pub(super) enum Labels {
    #[default]
    None,
    Ints(Vec<i64>),
    Floats {
        width: usize,
        data: Vec<f64>,
    },
    Text(TextLabels),
}

impl Labels {
    /// Adds a record's label; the error is the end of a sentence that names the label.
    pub(super) fn push(&mut self, list: &List<'_>, dtype: Option<Dtype>) -> Result<(), String> {
        if list.len() == 0 {
            return Err("is empty".to_owned());
        }
        match (dtype, list) {
            (Some(dtype), List::Floats(_)) if dtype.is_integer() => {
                return Err("holds floats, but the definition says it is an integer".to_owned());
            }
            (Some(dtype), List::Ints(_)) if !dtype.is_integer() => {
                return Err("holds integers, but the definition says it is a float".to_owned());
            }
            _ => {}
        }
        if let Self::None = self {
            *self = match list {
                List::Ints(values) if values.len() == 1 => Self::Ints(Vec::new()),
                List::Ints(_) | List::Floats(_) => Self::Floats {
                    width: list.len(),
                    data: Vec::new(),
                },
                List::Bytes(_) => Self::Text(TextLabels::default()),
            };
        }
        match (self, list) {
            (Self::Ints(all), List::Ints(values)) if values.len() == 1 => all.extend(values),
            (Self::Floats { width, data }, List::Floats(values)) if values.len() == *width => {
                if values.iter().any(|value| !value.is_finite()) {
                    return Err("has a value that is not a finite number".to_owned());
                }
                data.extend(values.iter().map(|value| f64::from(*value)));
            }
            (Self::Floats { width, data }, List::Ints(values)) if values.len() == *width => {
                data.extend(values.iter().map(|value| *value as f64));
            }
            (Self::Text(labels), List::Bytes(values)) if values.len() == 1 => {
                let text = values
                    .first()
                    .and_then(|bytes| std::str::from_utf8(bytes).ok());
                labels.push(text.ok_or_else(|| "is not UTF-8 text".to_owned())?);
            }
            _ => {
                return Err(format!(
                    "holds {}, unlike the records before",
                    list.describe()
                ));
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<RawLabels, Fault> {
        Ok(match self {
            Self::None => return Err(Fault::dataset("dataset.empty", "the file holds no records")),
            Self::Ints(values) => RawLabels::Ints(values),
            Self::Floats { width, data } => RawLabels::Floats { width, data },
            Self::Text(labels) => labels.finish(),
        })
    }
}
