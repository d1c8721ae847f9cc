//! TFRecord files of `tf.train.Example` records, plain or compressed as a whole with GZIP or ZLIB.

use std::borrow::Cow;
use std::io::Read;

use assay_protocol::{DataLimits, Fault};

use super::definition::{Dtype, Feature};
use super::target::RawLabels;

mod crc32c;
mod example;
mod frame;
#[cfg(test)]
mod tests;

use example::List;

/// The records of a file in memory.
#[derive(Debug, PartialEq)]
pub(super) struct Records {
    /// `rows × width` numbers.
    pub(super) values: Vec<f32>,
    /// The label of each record.
    pub(super) labels: RawLabels,
    /// Records.
    pub(super) rows: usize,
}

/// The label of a record and the type that the definition gives it, if any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label<'a> {
    pub(super) name: &'a str,
    pub(super) dtype: Option<Dtype>,
}

/// Reads a file; the features of a record are joined in the order given.
///
/// # Errors
/// `dataset.*` with the number of the record at fault, counted from 1.
pub(super) fn read(
    bytes: &[u8],
    features: &[(String, Feature)],
    label: Label<'_>,
    limits: &DataLimits,
) -> Result<Records, Fault> {
    let bytes = unpacked(bytes, limits)?;
    let width = features
        .iter()
        .try_fold(0usize, |sum, (_, feature)| sum.checked_add(feature.size()))
        .unwrap_or(usize::MAX);
    let mut frames = frame::Frames::new(&bytes, limits.record_bytes);
    let mut values = Vec::new();
    let mut labels = Labels::default();
    let mut rows = 0usize;
    while let Some(record) = frames.next()? {
        rows += 1;
        if rows as u64 > limits.rows || (rows as u64).saturating_mul(width as u64) > limits.values {
            return Err(Fault::dataset(
                "dataset.too_large",
                format!(
                    "the file has more than {} records of {width} numbers; at most {} records and {} numbers are read",
                    rows - 1,
                    limits.rows,
                    limits.values
                ),
            ));
        }
        let place = |message: String| {
            Fault::dataset(
                "dataset.record_mismatch",
                format!("record {rows}: {message}"),
            )
        };
        let example = example::parse(record).map_err(|message| {
            Fault::dataset(
                "dataset.record_malformed",
                format!("record {rows}: {message}"),
            )
        })?;
        for (name, feature) in features {
            let list = example
                .get(name)
                .ok_or_else(|| place(missing(name, &example)))?;
            list.append(feature, &mut values)
                .map_err(|problem| place(format!("feature {name:?} {problem}")))?;
        }
        let list = example
            .get(label.name)
            .ok_or_else(|| place(missing(label.name, &example)))?;
        labels
            .push(list, label.dtype)
            .map_err(|problem| place(format!("label {:?} {problem}", label.name)))?;
    }
    if rows == 0 {
        return Err(Fault::dataset("dataset.empty", "the file holds no records"));
    }
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(Fault::dataset(
            "dataset.not_finite",
            format!(
                "record {}: a feature has a value that is not a finite number",
                at / width.max(1) + 1
            ),
        ));
    }
    Ok(Records {
        values,
        labels: labels.finish()?,
        rows,
    })
}

fn missing(name: &str, example: &example::Example<'_>) -> String {
    let known: Vec<_> = example.names().take(20).collect();
    format!("there is no feature {name:?}; the record has {known:?}")
}

/// The file without its compression, which is told by the first bytes unless they begin a good plain record.
fn unpacked<'a>(bytes: &'a [u8], limits: &DataLimits) -> Result<Cow<'a, [u8]>, Fault> {
    if bytes.is_empty() {
        return Err(Fault::dataset("dataset.empty", "the file is empty"));
    }
    if frame::begins_plain(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    let limit = limits.zip_total_bytes;
    let mut out = Vec::new();
    let outcome = if bytes.starts_with(&[0x1f, 0x8b, 0x08]) {
        flate2::read::MultiGzDecoder::new(bytes)
            .take(limit + 1)
            .read_to_end(&mut out)
    } else if matches!(bytes, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]) {
        flate2::read::ZlibDecoder::new(bytes)
            .take(limit + 1)
            .read_to_end(&mut out)
    } else {
        return Ok(Cow::Borrowed(bytes));
    };
    outcome.map_err(|error| {
        Fault::dataset(
            "dataset.record_malformed",
            format!("the compressed file cannot be unpacked: {error}"),
        )
    })?;
    if out.len() as u64 > limit {
        return Err(Fault::dataset(
            "dataset.too_large",
            format!("the compressed file unpacks to more than {limit} bytes"),
        ));
    }
    Ok(Cow::Owned(out))
}

/// The labels while they are read: one kind and one width for the whole file.
#[derive(Debug, Default)]
enum Labels {
    #[default]
    None,
    Ints(Vec<i64>),
    Floats {
        width: usize,
        data: Vec<f64>,
    },
    Text {
        index: std::collections::HashMap<String, u32>,
        names: Vec<String>,
        rows: Vec<u32>,
    },
}

impl Labels {
    fn push(&mut self, list: &List<'_>, dtype: Option<Dtype>) -> Result<(), String> {
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
                List::Bytes(_) => Self::Text {
                    index: Default::default(),
                    names: Vec::new(),
                    rows: Vec::new(),
                },
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
            (Self::Text { index, names, rows }, List::Bytes(values)) if values.len() == 1 => {
                let text = values
                    .first()
                    .and_then(|bytes| std::str::from_utf8(bytes).ok());
                let text = text.ok_or_else(|| "is not UTF-8 text".to_owned())?;
                let position = match index.get(text) {
                    Some(position) => *position,
                    None => {
                        let position = u32::try_from(names.len())
                            .map_err(|_| "has too many classes".to_owned())?;
                        index.insert(text.to_owned(), position);
                        names.push(text.to_owned());
                        position
                    }
                };
                rows.push(position);
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

    fn finish(self) -> Result<RawLabels, Fault> {
        Ok(match self {
            Self::None => return Err(Fault::dataset("dataset.empty", "the file holds no records")),
            Self::Ints(values) => RawLabels::Ints(values),
            Self::Floats { width, data } => RawLabels::Floats { width, data },
            Self::Text { names, rows, .. } => RawLabels::Text { names, rows },
        })
    }
}
