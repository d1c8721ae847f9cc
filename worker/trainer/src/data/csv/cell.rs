//! One cell: text to a number or a label, by the column's type.

use assay_protocol::Fault;

use crate::data::definition::ColumnType;
use crate::data::target::{RawLabels, TextLabels};

/// Why a cell cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Empty,
    NotFinite,
    WrongType(ColumnType),
}

impl Problem {
    /// The fault, with the place and the cell's text.
    #[cold]
    pub(super) fn fault(self, line: u64, column: &str, text: &[u8]) -> Fault {
        let shown: String = String::from_utf8_lossy(text).chars().take(60).collect();
        let place = format!("line {line}, column {column:?}");
        match self {
            Self::Empty => Fault::dataset(
                "dataset.empty_cell",
                format!("{place}: the cell is empty; fill it or take the row out"),
            ),
            Self::NotFinite => Fault::dataset(
                "dataset.not_finite",
                format!("{place}: {shown:?} is not a finite number"),
            ),
            Self::WrongType(kind) => {
                let wanted = match kind {
                    ColumnType::Int => "a whole number",
                    ColumnType::Float => "a number",
                    ColumnType::Bool => "0, 1, true or false",
                    ColumnType::Text => "text",
                };
                Fault::dataset(
                    "dataset.wrong_type",
                    format!(
                        "{place}: {shown:?} is not {wanted}, but the column is {}",
                        kind.name()
                    ),
                )
            }
        }
    }
}

/// A feature's number.
#[inline]
pub(super) fn number(text: &[u8], kind: ColumnType) -> Result<f64, Problem> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    match kind {
        ColumnType::Float => float(text),
        ColumnType::Int => int(text).map(|value| value as f64),
        ColumnType::Bool => boolean(text).map(|value| f64::from(u8::from(value))),
        ColumnType::Text => Err(Problem::WrongType(ColumnType::Float)),
    }
}

#[inline]
fn float(text: &[u8]) -> Result<f64, Problem> {
    let value: f64 = fast_float2::parse(text).map_err(|_| Problem::WrongType(ColumnType::Float))?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Problem::NotFinite)
    }
}

fn int(text: &[u8]) -> Result<i64, Problem> {
    if let Some(value) = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
    {
        return Ok(value);
    }
    Err(match float(text) {
        Err(Problem::NotFinite) => Problem::NotFinite,
        _ => Problem::WrongType(ColumnType::Int),
    })
}

fn boolean(text: &[u8]) -> Result<bool, Problem> {
    match text {
        b"0" | b"false" | b"False" | b"FALSE" => Ok(false),
        b"1" | b"true" | b"True" | b"TRUE" => Ok(true),
        _ => Err(Problem::WrongType(ColumnType::Bool)),
    }
}

/// The label column while it is read.
#[derive(Debug)]
pub(super) enum LabelColumn {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Bools(Vec<i64>),
    Text(TextLabels),
}

impl LabelColumn {
    pub(super) fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Int => Self::Ints(Vec::new()),
            ColumnType::Float => Self::Floats(Vec::new()),
            ColumnType::Bool => Self::Bools(Vec::new()),
            ColumnType::Text => Self::Text(TextLabels::default()),
        }
    }

    pub(super) fn push(&mut self, text: &[u8]) -> Result<(), Problem> {
        let trimmed = text.trim_ascii();
        if trimmed.is_empty() {
            return Err(Problem::Empty);
        }
        match self {
            Self::Ints(values) => values.push(int(trimmed)?),
            Self::Floats(values) => values.push(float(trimmed)?),
            Self::Bools(values) => values.push(i64::from(boolean(trimmed)?)),
            Self::Text(labels) => labels
                .push(std::str::from_utf8(text).map_err(|_| Problem::WrongType(ColumnType::Text))?),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> RawLabels {
        match self {
            Self::Ints(values) | Self::Bools(values) => RawLabels::Ints(values),
            Self::Floats(data) => RawLabels::Floats { width: 1, data },
            Self::Text(labels) => labels.finish(),
        }
    }
}
