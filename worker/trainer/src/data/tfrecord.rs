//! TFRecord files of `tf.train.Example` records, plain or compressed as a whole with GZIP or ZLIB.

use assay_protocol::{DataLimits, Fault};

use super::definition::{Dtype, Feature};
use super::target::RawLabels;

mod crc32c;
mod example;
mod frame;
mod labels;
mod source;
#[cfg(test)]
mod tests;

use example::Example;
use frame::Frames;
use labels::Labels;

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
    if bytes.is_empty() {
        return Err(Fault::dataset("dataset.empty", "the file is empty"));
    }
    let width = features
        .iter()
        .try_fold(0usize, |sum, (_, feature)| sum.checked_add(feature.size()))
        .unwrap_or(usize::MAX);
    let mut frames = Frames::new(bytes, limits);
    let mut values = Vec::new();
    let mut labels = Labels::default();
    let mut rows = 0usize;
    while let Some(record) = frames.next()? {
        rows += 1;
        check_size(rows, width, limits)?;
        values.try_reserve(width).map_err(|_| source::no_memory())?;
        let example = example::parse(record).map_err(|message| {
            Fault::dataset(
                "dataset.record_malformed",
                format!("record {rows}: {message}"),
            )
        })?;
        take(&example, features, label, &mut values, &mut labels).map_err(|message| {
            Fault::dataset(
                "dataset.record_mismatch",
                format!("record {rows}: {message}"),
            )
        })?;
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

/// Adds the features and the label of a record; the error is the end of a sentence that begins with its number.
fn take(
    example: &Example<'_>,
    features: &[(String, Feature)],
    label: Label<'_>,
    values: &mut Vec<f32>,
    labels: &mut Labels,
) -> Result<(), String> {
    for (name, feature) in features {
        let list = example.get(name).ok_or_else(|| missing(name, example))?;
        list.append(feature, values)
            .map_err(|problem| format!("feature {name:?} {problem}"))?;
    }
    let list = example
        .get(label.name)
        .ok_or_else(|| missing(label.name, example))?;
    labels
        .push(list, label.dtype)
        .map_err(|problem| format!("label {:?} {problem}", label.name))
}

fn check_size(rows: usize, width: usize, limits: &DataLimits) -> Result<(), Fault> {
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
    Ok(())
}

fn missing(name: &str, example: &Example<'_>) -> String {
    let known: Vec<_> = example.names().take(20).collect();
    format!("there is no feature {name:?}; the record has {known:?}")
}
