//! What a sliding window sees, as slices of the input, so that candle's gradients of slices are all that is needed.

use candle_core::{Device, Result, Tensor};

use crate::engine::layers::Window;

/// The input under each tap of the window, zero in the padding: one `[rows, height, width, channels]` tensor of the
/// output's height and width a tap, in row-major order.
pub(super) fn taps(input: &Tensor, window: &Window) -> Result<Vec<Tensor>> {
    let mut taps = Vec::with_capacity(window.kernel[0] * window.kernel[1]);
    for ky in 0..window.kernel[0] {
        let rows = along(input, window, 0, ky)?;
        for kx in 0..window.kernel[1] {
            taps.push(along(&rows, window, 1, kx)?);
        }
    }
    Ok(taps)
}

/// What one tap sees along height (0) or width (1).
fn along(input: &Tensor, window: &Window, axis: usize, tap: usize) -> Result<Tensor> {
    let (dim, stride, count) = (axis + 1, window.strides(axis), window.output[axis]);
    let before = window.before(axis);
    let from = tap * window.dilation(axis);
    // As many places as `count` whole strides have: cut into strides, the first place of each is the one.
    let end = from + count * stride;
    let after = end.saturating_sub(before + window.input[axis]);
    let padded = input.pad_with_zeros(dim, before, after)?;
    let stretch = padded.narrow(dim, from, count * stride)?;
    if stride == 1 {
        return Ok(stretch);
    }
    let mut shape = stretch.dims().to_vec();
    shape.splice(dim..=dim, [count, stride]);
    stretch
        .reshape(shape)?
        .narrow(dim + 1, 0, 1)?
        .squeeze(dim + 1)
}

/// For each tap, which places of the output see a number and no padding: `[1, height, width, 1]`, 1 or 0.
pub(super) fn inside(window: &Window, device: &Device) -> Result<Vec<Tensor>> {
    let [height, width] = window.output;
    let mut all = Vec::with_capacity(window.kernel[0] * window.kernel[1]);
    for ky in 0..window.kernel[0] {
        for kx in 0..window.kernel[1] {
            let mut seen = Vec::with_capacity(height * width);
            for oy in 0..height {
                for ox in 0..width {
                    let sees =
                        window.source(0, oy, ky).is_some() && window.source(1, ox, kx).is_some();
                    seen.push(u8::from(sees));
                }
            }
            all.push(Tensor::from_vec(seen, (1, height, width, 1), device)?);
        }
    }
    Ok(all)
}
