//! Normalisation over the batch and over one row.

use assay_protocol::Fault;
use serde_json::Value;

use super::Built;
use crate::archive::settings::Settings;
use crate::spec::LayerKind;

pub(super) fn batch(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    let axis = axis(s, input.len())?;
    let momentum = s.number_where("momentum", 0.99, "from 0 to 1", |m| {
        (0.0..=1.0).contains(&m)
    })?;
    let epsilon = s.number_where("epsilon", 1e-3, "above 0", |e| e > 0.0)?;
    let (center, scale) = (s.bool("center", true)?, s.bool("scale", true)?);
    s.skip(&[
        "beta_initializer",
        "gamma_initializer",
        "moving_mean_initializer",
        "moving_variance_initializer",
        // One device computes the whole batch, so synchronising over devices changes nothing.
        "synchronized",
        // Read by Keras only when `renorm` is true, which `finish` refuses.
        "renorm_momentum",
    ]);
    let shape = vec![input.get(axis).copied().unwrap_or(1)];
    let mut weights = Vec::new();
    if scale {
        weights.push(("gamma", shape.clone(), true));
    }
    if center {
        weights.push(("beta", shape.clone(), true));
    }
    weights.push(("moving_mean", shape.clone(), false));
    weights.push(("moving_variance", shape, false));
    Ok(Built {
        kind: LayerKind::BatchNormalization {
            axis,
            momentum,
            epsilon,
            center,
            scale,
        },
        output: input.to_vec(),
        weights,
    })
}

pub(super) fn layer(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    let last = input.len().saturating_sub(1);
    if axis(s, input.len())? != last {
        return Err(s.unsupported("axis", "another than the last", "normalise the last axis"));
    }
    let epsilon = s.number_where("epsilon", 1e-3, "above 0", |e| e > 0.0)?;
    let (center, scale) = (s.bool("center", true)?, s.bool("scale", true)?);
    s.skip(&["beta_initializer", "gamma_initializer"]);
    let shape = vec![input.last().copied().unwrap_or(1)];
    let mut weights = Vec::new();
    if scale {
        weights.push(("gamma", shape.clone(), true));
    }
    if center {
        weights.push(("beta", shape, true));
    }
    Ok(Built {
        kind: LayerKind::LayerNormalization {
            epsilon,
            center,
            scale,
        },
        output: input.to_vec(),
        weights,
    })
}

/// The `axis` setting, a number or a list of one, as an index into one row of `rank` axes.
fn axis(s: &mut Settings<'_>, rank: usize) -> Result<usize, Fault> {
    let default = Value::from(-1);
    let value = s.get("axis").unwrap_or(&default);
    let number = match value {
        Value::Array(one) => match one.as_slice() {
            [n] => n.as_i64(),
            _ => None,
        },
        n => n.as_i64(),
    };
    number
        .and_then(|n| row_axis(n, rank))
        .ok_or_else(|| s.wrong("axis", value, "one axis of its input other than the batch"))
}

/// Keras counts the batch as axis 0 and counts negative axes from the end.
pub(super) fn row_axis(axis: i64, rank: usize) -> Option<usize> {
    let rank_with_batch = i64::try_from(rank).ok()?.checked_add(1)?;
    let positive = if axis < 0 {
        axis.checked_add(rank_with_batch)?
    } else {
        axis
    };
    if !(1..rank_with_batch).contains(&positive) {
        return None;
    }
    usize::try_from(positive - 1).ok()
}
