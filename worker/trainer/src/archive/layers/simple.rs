//! Dense, Embedding, Dropout and Rescaling.

use assay_protocol::Fault;

use super::Built;
use crate::archive::activation;
use crate::archive::settings::Settings;
use crate::spec::LayerKind;

pub(super) fn dense(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    let units = s.size("units")?;
    let use_bias = s.bool("use_bias", true)?;
    let activation = activation::parse(s.get("activation"), &s.owner)?;
    s.skip(&["kernel_initializer", "bias_initializer"]);
    let (mut output, features) = (input.to_vec(), input.last().copied().unwrap_or(1));
    if let Some(last) = output.last_mut() {
        *last = units;
    }
    let mut weights = vec![("kernel", vec![features, units], true)];
    if use_bias {
        weights.push(("bias", vec![units], true));
    }
    Ok(Built {
        kind: LayerKind::Dense {
            units,
            use_bias,
            activation,
        },
        output,
        weights,
    })
}

pub(super) fn embedding(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    let (input_dim, output_dim) = (s.size("input_dim")?, s.size("output_dim")?);
    // A mask would have to be carried through the layers that follow; `finish` refuses `mask_zero`.
    s.skip(&["embeddings_initializer"]);
    let mut output = input.to_vec();
    output.push(output_dim);
    Ok(Built {
        kind: LayerKind::Embedding {
            input_dim,
            output_dim,
        },
        output,
        weights: vec![("embeddings", vec![input_dim, output_dim], true)],
    })
}

pub(super) fn dropout(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    let rate = s.number_where("rate", 0.5, "from 0 up to, but not including, 1", |r| {
        (0.0..1.0).contains(&r)
    })?;
    // The job's own seed governs every mask.
    s.skip(&["seed"]);
    s.only("noise_shape", &[])?;
    Ok(Built::plain(LayerKind::Dropout { rate }, input.to_vec()))
}

pub(super) fn rescaling(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    let scale = s.number("scale", 1.0)?;
    let offset = s.number("offset", 0.0)?;
    Ok(Built::plain(
        LayerKind::Rescaling { scale, offset },
        input.to_vec(),
    ))
}
