//! Layers of several inputs: Add, Multiply and Concatenate.

use assay_protocol::Fault;
use serde_json::Value;

use super::Built;
use super::normalization::row_axis;
use crate::archive::fault;
use crate::archive::settings::Settings;
use crate::spec::LayerKind;

/// Builds a merging layer; `None` for another class.
pub(super) fn build(
    class: &str,
    s: &mut Settings<'_>,
    inputs: &[&[usize]],
) -> Result<Option<Built>, Fault> {
    let kind = match class {
        "Add" => LayerKind::Add,
        "Multiply" => LayerKind::Multiply,
        "Concatenate" => return concatenate(s, inputs).map(Some),
        _ => return Ok(None),
    };
    let first = at_least_two(s, inputs)?;
    if inputs.iter().any(|i| *i != first) {
        return Err(fault::malformed(format!(
            "{} has inputs of shapes {inputs:?}; they must be equal",
            s.owner
        )));
    }
    Ok(Some(Built::plain(kind, first.to_vec())))
}

fn concatenate(s: &mut Settings<'_>, inputs: &[&[usize]]) -> Result<Built, Fault> {
    let first = at_least_two(s, inputs)?;
    let default = Value::from(-1);
    let value = s.get("axis").unwrap_or(&default);
    let axis = value
        .as_i64()
        .and_then(|a| row_axis(a, first.len()))
        .ok_or_else(|| s.wrong("axis", value, "an axis of its inputs other than the batch"))?;
    let joined = inputs.iter().try_fold(0usize, |sum, shape| {
        let others_equal = shape.len() == first.len()
            && shape
                .iter()
                .zip(first)
                .enumerate()
                .all(|(i, (a, b))| i == axis || a == b);
        others_equal
            .then(|| sum.checked_add(*shape.get(axis)?))
            .flatten()
    });
    let joined = joined.ok_or_else(|| {
        fault::malformed(format!(
            "{} has inputs of shapes {inputs:?}; they must be equal but for axis {axis} of a row",
            s.owner
        ))
    })?;
    let mut output = first.to_vec();
    if let Some(length) = output.get_mut(axis) {
        *length = joined;
    }
    Ok(Built::plain(LayerKind::Concatenate { axis }, output))
}

fn at_least_two<'a>(s: &Settings<'_>, inputs: &[&'a [usize]]) -> Result<&'a [usize], Fault> {
    match inputs {
        [first, _, ..] => Ok(first),
        _ => Err(fault::malformed(format!(
            "{} has fewer than two inputs",
            s.owner
        ))),
    }
}
