//! Flatten and Reshape.

use assay_protocol::Fault;
use serde_json::Value;

use super::{Built, channels_last, elements};
use crate::archive::fault;
use crate::archive::settings::Settings;
use crate::spec::LayerKind;

pub(super) fn flatten(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    channels_last(s)?;
    let n = elements(input).unwrap_or(usize::MAX);
    Ok(Built::plain(LayerKind::Flatten, vec![n]))
}

pub(super) fn reshape(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    let value = s.get("target_shape").unwrap_or(&Value::Null);
    let target: Option<Vec<i64>> = value
        .as_array()
        .and_then(|a| a.iter().map(Value::as_i64).collect());
    let output = target
        .and_then(|t| fill(&t, elements(input)?))
        .ok_or_else(|| {
            fault::malformed(format!(
                "{}: target_shape {} does not hold the numbers of its input {input:?}",
                s.owner,
                fault::shown(value)
            ))
        })?;
    Ok(Built::plain(LayerKind::Reshape, output))
}

/// The target with its one -1, if any, replaced so that it holds `total` numbers.
fn fill(target: &[i64], total: usize) -> Option<Vec<usize>> {
    let mut shape = Vec::with_capacity(target.len());
    let mut free = None;
    for (i, &d) in target.iter().enumerate() {
        match d {
            -1 if free.is_none() => {
                free = Some(i);
                shape.push(1);
            }
            d => shape.push(usize::try_from(d).ok().filter(|d| *d >= 1)?),
        }
    }
    let known = elements(&shape)?;
    if let Some(slot) = free.and_then(|i| shape.get_mut(i)) {
        *slot = total.checked_div(known)?;
    }
    (!shape.is_empty() && elements(&shape)? == total).then_some(shape)
}
