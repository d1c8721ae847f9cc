//! Pooling over windows and over the whole image.

use assay_protocol::Fault;

use super::{Built, channels_last, image, padding, window};
use crate::archive::settings::Settings;
use crate::spec::LayerKind;

pub(super) fn windowed(class: &str, s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    channels_last(s)?;
    let [h, w, c] = image(s, input)?;
    let pool = s.pair("pool_size", Some([2, 2]))?;
    let strides = s.pair("strides", Some(pool))?;
    let padding = padding(s)?;
    let output = vec![
        window(s, h, pool[0], strides[0], padding)?,
        window(s, w, pool[1], strides[1], padding)?,
        c,
    ];
    let kind = if class == "MaxPooling2D" {
        LayerKind::MaxPooling2d {
            pool,
            strides,
            padding,
        }
    } else {
        LayerKind::AveragePooling2d {
            pool,
            strides,
            padding,
        }
    };
    Ok(Built::plain(kind, output))
}

pub(super) fn global(class: &str, s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    channels_last(s)?;
    let [_, _, c] = image(s, input)?;
    let keepdims = s.bool("keepdims", false)?;
    let output = if keepdims { vec![1, 1, c] } else { vec![c] };
    let kind = if class == "GlobalMaxPooling2D" {
        LayerKind::GlobalMaxPooling2d { keepdims }
    } else {
        LayerKind::GlobalAveragePooling2d { keepdims }
    };
    Ok(Built::plain(kind, output))
}
