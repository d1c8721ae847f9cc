//! TFRecord files of `tf.train.Example` records, plain or compressed as a whole with GZIP or ZLIB.

use std::borrow::Cow;
use std::io::Read;

use assay_protocol::{DataLimits, Fault};

use super::definition::{Dtype, Feature};
use super::target::RawLabels;

mod crc32c;
mod example;
mod frame;
mod labels;
#[cfg(test)]
mod tests;

use example::Example;
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
        check_size(rows, width, limits)?;
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
