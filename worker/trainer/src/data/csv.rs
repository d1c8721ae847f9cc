//! CSV files: a header line, then rows of numbers and one label (RFC 4180; LF or CRLF; a UTF-8 mark is allowed).

use assay_protocol::{DataLimits, Fault};

use super::definition::ColumnType;
use super::target::RawLabels;

mod cell;
mod lines;
#[cfg(test)]
mod tests;

use cell::LabelColumn;
use lines::{Cells, MARK};

/// A CSV file in memory.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    /// The features' names, in the order of the header line.
    pub(super) features: Vec<String>,
    /// `rows × features` numbers, row by row.
    pub(super) values: Vec<f64>,
    /// The label of each row.
    pub(super) labels: RawLabels,
    /// Rows.
    pub(super) rows: usize,
}

/// What a column of the file is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Feature,
    Label,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: ColumnType,
    role: Role,
}

/// Reads a CSV file whose columns must be exactly those of the definition.
///
/// # Errors
/// `dataset.*` with the line and the column at fault.
pub(super) fn read(
    bytes: &[u8],
    columns: &[(String, ColumnType)],
    label: &str,
    limits: &DataLimits,
) -> Result<Table, Fault> {
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    check_utf8(bytes)?;
    let mut cells = Cells::new(bytes, limits.csv_line_bytes);
    let header = header(&mut cells, limits)?;
    let columns = resolve(header, columns, label)?;
    let width = columns.len() - 1;
    let kind = columns
        .iter()
        .find(|column| column.role == Role::Label)
        .map_or(ColumnType::Float, |column| column.kind);
    let mut labels = LabelColumn::new(kind);
    let mut values = Vec::new();
    let mut rows = 0usize;
    while cells.next_record()? {
        rows += 1;
        if rows as u64 > limits.rows || (rows as u64).saturating_mul(width as u64) > limits.values {
            return Err(Fault::dataset(
                "dataset.too_large",
                format!(
                    "the file has more than {} rows of {width} features; at most {} rows and {} numbers are read",
                    rows - 1,
                    limits.rows,
                    limits.values
                ),
            ));
        }
        read_row(&mut cells, &columns, &mut values, &mut labels)?;
    }
    if rows == 0 {
        return Err(Fault::dataset(
            "dataset.no_rows",
            "the file has a header line but no rows",
        ));
    }
    let features = columns
        .into_iter()
        .filter(|column| column.role == Role::Feature)
        .map(|column| column.name)
        .collect();
    Ok(Table {
        features,
        values,
        labels: labels.finish(),
        rows,
    })
}

fn read_row(
    cells: &mut Cells<'_>,
    columns: &[Column],
    values: &mut Vec<f64>,
    labels: &mut LabelColumn,
) -> Result<(), Fault> {
    let line = cells.line();
    for (at, column) in columns.iter().enumerate() {
        let Some(text) = cells.next_cell()? else {
            return Err(Fault::dataset(
                "dataset.ragged_row",
                format!(
                    "line {line} has {at} cells, but the header has {}",
                    columns.len()
                ),
            ));
        };
        let place = |problem: cell::Problem| problem.fault(line, &column.name, &text);
        match column.role {
            Role::Feature => values.push(cell::number(&text, column.kind).map_err(place)?),
            Role::Label => labels.push(&text).map_err(place)?,
        }
    }
    if cells.next_cell()?.is_some() {
        return Err(Fault::dataset(
            "dataset.ragged_row",
            format!(
                "line {line} has more than {} cells, which is what the header has",
                columns.len()
            ),
        ));
    }
    Ok(())
}

fn check_utf8(bytes: &[u8]) -> Result<(), Fault> {
    let Err(error) = std::str::from_utf8(bytes) else {
        return Ok(());
    };
    let before = bytes.get(..error.valid_up_to()).unwrap_or(bytes);
    Err(Fault::dataset(
        "dataset.not_utf8",
        format!(
            "line {} is not UTF-8 text; save the file as CSV in UTF-8",
            memchr::memchr_iter(b'\n', before).count() + 1
        ),
    ))
}

fn header(cells: &mut Cells<'_>, limits: &DataLimits) -> Result<Vec<String>, Fault> {
    if !cells.next_record()? {
        return Err(Fault::dataset("dataset.empty", "the file is empty"));
    }
    let mut names = Vec::new();
    while let Some(name) = cells.next_cell()? {
        if names.len() as u64 >= limits.csv_columns {
            return Err(Fault::dataset(
                "dataset.too_many_columns",
                format!("the header has more than {} columns", limits.csv_columns),
            ));
        }
        names.push(String::from_utf8_lossy(&name).into_owned());
    }
    Ok(names)
}

/// Joins the header with the definition; each must name exactly the columns of the other.
fn resolve(
    header: Vec<String>,
    columns: &[(String, ColumnType)],
    label: &str,
) -> Result<Vec<Column>, Fault> {
    let mut wanted: std::collections::HashMap<&str, ColumnType> = columns
        .iter()
        .map(|(name, kind)| (name.as_str(), *kind))
        .collect();
    let mut resolved = Vec::with_capacity(header.len());
    for name in header {
        let Some(kind) = wanted.remove(name.as_str()) else {
            return Err(if columns.iter().any(|(known, _)| *known == name) {
                Fault::dataset(
                    "dataset.duplicate_column",
                    format!("the header names column {name:?} twice"),
                )
            } else {
                Fault::dataset(
                    "dataset.unknown_column",
                    format!("the header has a column {name:?}, which the definition does not list"),
                )
            });
        };
        let role = if name == label {
            Role::Label
        } else {
            Role::Feature
        };
        resolved.push(Column { name, kind, role });
    }
    match columns
        .iter()
        .find(|(name, _)| wanted.contains_key(name.as_str()))
    {
        None => Ok(resolved),
        Some((name, _)) if name == label => Err(Fault::dataset(
            "dataset.label_missing",
            format!("the header has no column {name:?}, which the definition says is the label"),
        )),
        Some((name, _)) => Err(Fault::dataset(
            "dataset.missing_column",
            format!("the definition lists a column {name:?}, which the header does not have"),
        )),
    }
}
