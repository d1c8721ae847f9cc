//! Two-dimensional convolutions and the padding before them.

use assay_protocol::Fault;
use serde_json::Value;

use super::{Built, channels_last, image, padding, window};
use crate::archive::settings::Settings;
use crate::archive::{activation, fault};
use crate::spec::{LayerKind, Padding};

/// What both convolutions share.
struct Window {
    kernel: [usize; 2],
    strides: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
    height: usize,
    width: usize,
    channels: usize,
}

impl Window {
    fn read(s: &mut Settings<'_>, input: &[usize]) -> Result<Self, Fault> {
        channels_last(s)?;
        let [h, w, channels] = image(s, input)?;
        let kernel = s.pair("kernel_size", None)?;
        let strides = s.pair("strides", Some([1, 1]))?;
        let dilation = s.pair("dilation_rate", Some([1, 1]))?;
        if strides != [1, 1] && dilation != [1, 1] {
            return Err(s.unsupported(
                "dilation_rate",
                &format!("{dilation:?} together with strides {strides:?}"),
                "Keras allows only one of them above 1",
            ));
        }
        let padding = padding(s)?;
        let out = |size: usize, axis: usize| {
            let (k, d) = (kernel[axis], dilation[axis]);
            let span = (k - 1).checked_mul(d).and_then(|n| n.checked_add(1));
            window(s, size, span.unwrap_or(usize::MAX), strides[axis], padding)
        };
        Ok(Self {
            height: out(h, 0)?,
            width: out(w, 1)?,
            kernel,
            strides,
            dilation,
            padding,
            channels,
        })
    }
}

pub(super) fn conv2d(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    let w = Window::read(s, input)?;
    let filters = s.size("filters")?;
    s.only("groups", &[1.into()])?;
    let use_bias = s.bool("use_bias", true)?;
    let activation = activation::parse(s.get("activation"), &s.owner)?;
    s.skip(&["kernel_initializer", "bias_initializer"]);
    let kernel_shape = vec![w.kernel[0], w.kernel[1], w.channels, filters];
    let mut weights = vec![("kernel", kernel_shape, true)];
    if use_bias {
        weights.push(("bias", vec![filters], true));
    }
    Ok(Built {
        kind: LayerKind::Conv2d {
            filters,
            kernel: w.kernel,
            strides: w.strides,
            padding: w.padding,
            dilation: w.dilation,
            use_bias,
            activation,
        },
        output: vec![w.height, w.width, filters],
        weights,
    })
}

pub(super) fn depthwise(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    let w = Window::read(s, input)?;
    let multiplier = s.size("depth_multiplier")?;
    let use_bias = s.bool("use_bias", true)?;
    let activation = activation::parse(s.get("activation"), &s.owner)?;
    s.skip(&["depthwise_initializer", "bias_initializer"]);
    let out = w
        .channels
        .checked_mul(multiplier)
        .ok_or_else(|| fault::malformed(format!("{}: depth_multiplier is too large", s.owner)))?;
    let kernel_shape = vec![w.kernel[0], w.kernel[1], w.channels, multiplier];
    let mut weights = vec![("kernel", kernel_shape, true)];
    if use_bias {
        weights.push(("bias", vec![out], true));
    }
    Ok(Built {
        kind: LayerKind::DepthwiseConv2d {
            kernel: w.kernel,
            strides: w.strides,
            padding: w.padding,
            dilation: w.dilation,
            multiplier,
            use_bias,
            activation,
        },
        output: vec![w.height, w.width, out],
        weights,
    })
}

pub(super) fn zero_padding(s: &mut Settings<'_>, input: &[usize]) -> Result<Built, Fault> {
    channels_last(s)?;
    let [h, w, c] = image(s, input)?;
    let default = Value::from(1);
    let value = s.get("padding").unwrap_or(&default);
    let padding = sides(value).ok_or_else(|| {
        s.wrong(
            "padding",
            value,
            "[[top, bottom], [left, right]], [rows, columns] or one number",
        )
    })?;
    let grown = |size: usize, [before, after]: [usize; 2]| {
        size.checked_add(before)
            .and_then(|n| n.checked_add(after))
            .ok_or_else(|| fault::malformed(format!("{}: padding is too large", s.owner)))
    };
    let output = vec![grown(h, padding[0])?, grown(w, padding[1])?, c];
    Ok(Built::plain(LayerKind::ZeroPadding2d { padding }, output))
}

/// The three forms of Keras' `padding`.
fn sides(value: &Value) -> Option<[[usize; 2]; 2]> {
    let whole = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
    let side = |v: &Value| match v {
        Value::Array(a) => match a.as_slice() {
            [before, after] => Some([whole(before)?, whole(after)?]),
            _ => None,
        },
        n => whole(n).map(|n| [n, n]),
    };
    match value {
        Value::Array(a) => match a.as_slice() {
            [rows, columns] => Some([side(rows)?, side(columns)?]),
            _ => None,
        },
        n => side(n).map(|both| [both, both]),
    }
}
