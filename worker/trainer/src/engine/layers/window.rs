use candle_core::{Result, Tensor, bail};

use crate::spec::Padding;

/// How a window slides over height and width of a `[rows, height, width, channels]` tensor.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) rows: usize,
    pub(crate) input: [usize; 2],
    pub(crate) channels: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) output: [usize; 2],
    strides: [usize; 2],
    dilation: [usize; 2],
    before: [usize; 2],
}

impl Window {
    /// The window of `kernel` over `input`, padded as Keras pads.
    pub(crate) fn new(
        input: &Tensor,
        kernel: [usize; 2],
        strides: [usize; 2],
        dilation: [usize; 2],
        padding: Padding,
    ) -> Result<Self> {
        let (rows, height, width, channels) = input.dims4()?;
        let mut output = [0; 2];
        let mut before = [0; 2];
        for axis in 0..2 {
            let length = [height, width][axis];
            let (stride, tap) = (strides[axis], dilation[axis]);
            let Some(reach) = (kernel[axis].checked_sub(1))
                .and_then(|taps| taps.checked_mul(tap))
                .and_then(|reach| reach.checked_add(1))
            else {
                bail!("a window has at least one place");
            };
            if stride == 0 || tap == 0 {
                bail!("strides and dilation are at least 1");
            }
            match padding {
                Padding::Valid if reach > length => {
                    bail!("a window of {reach} does not fit into {length}")
                }
                Padding::Valid => output[axis] = (length - reach) / stride + 1,
                Padding::Same => {
                    output[axis] = length.div_ceil(stride);
                    let needed = output[axis].saturating_sub(1) * stride + reach;
                    before[axis] = needed.saturating_sub(length) / 2;
                }
            }
        }
        Ok(Self {
            rows,
            input: [height, width],
            channels,
            kernel,
            output,
            strides,
            dilation,
            before,
        })
    }

    /// The place in the input, along `axis`, that `tap` of the window at `out` sees; `None` in the padding.
    pub(crate) fn source(&self, axis: usize, out: usize, tap: usize) -> Option<usize> {
        (out * self.strides[axis] + tap * self.dilation[axis])
            .checked_sub(self.before[axis])
            .filter(|&place| place < self.input[axis])
    }

    /// Steps along `axis`.
    pub(crate) fn strides(&self, axis: usize) -> usize {
        self.strides[axis]
    }

    /// Distance of the taps along `axis`.
    pub(crate) fn dilation(&self, axis: usize) -> usize {
        self.dilation[axis]
    }

    /// Places of padding before the input along `axis`.
    pub(crate) fn before(&self, axis: usize) -> usize {
        self.before[axis]
    }

    /// Numbers of one row of the input.
    pub(crate) fn input_size(&self) -> usize {
        self.input[0] * self.input[1] * self.channels
    }

    /// Windows of one row.
    pub(crate) fn places(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Numbers under one window.
    pub(crate) fn patch(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels
    }

    /// Whether the window is one place and sees every place once.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.strides == [1, 1]
    }

    /// Whether the places under a window are neighbours along the width.
    fn is_dense(&self) -> bool {
        self.dilation[1] == 1
    }

    /// Calls `work(input, patch)` for every stretch of numbers that lie side by side both in the input row
    /// and in the matrix of patches (`places` rows of `patch` numbers). Stretches in the padding are left out.
    pub(crate) fn for_stretches(
        &self,
        mut work: impl FnMut(std::ops::Range<usize>, std::ops::Range<usize>),
    ) {
        let (width, channels) = (self.input[1], self.channels);
        let line = self.kernel[1] * channels;
        for oy in 0..self.output[0] {
            for ky in 0..self.kernel[0] {
                let Some(y) = self.source(0, oy, ky) else {
                    continue;
                };
                for ox in 0..self.output[1] {
                    let patch = (oy * self.output[1] + ox) * self.patch() + ky * line;
                    let start = (ox * self.strides[1]).checked_sub(self.before[1]);
                    if let Some(x) =
                        start.filter(|x| self.is_dense() && x + self.kernel[1] <= width)
                    {
                        let from = (y * width + x) * channels;
                        work(from..from + line, patch..patch + line);
                        continue;
                    }
                    for kx in 0..self.kernel[1] {
                        if let Some(x) = self.source(1, ox, kx) {
                            let from = (y * width + x) * channels;
                            let to = patch + kx * channels;
                            work(from..from + channels, to..to + channels);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    fn window(length: usize, kernel: usize, stride: usize, padding: Padding) -> Window {
        let input = Tensor::zeros((1, length, length, 1), DType::F32, &Device::Cpu).unwrap();
        Window::new(&input, [kernel; 2], [stride; 2], [1, 1], padding).unwrap()
    }

    #[test]
    fn same_padding_puts_the_odd_one_at_the_end() {
        let window = window(4, 2, 1, Padding::Same);
        assert_eq!(window.output, [4, 4]);
        assert_eq!(window.source(0, 0, 0), Some(0));
        assert_eq!(window.source(0, 3, 1), None);
    }

    #[test]
    fn valid_windows_stay_inside() {
        let window = window(7, 3, 2, Padding::Valid);
        assert_eq!(window.output, [3, 3]);
        assert_eq!(window.source(1, 2, 2), Some(6));
    }

    #[test]
    fn a_window_larger_than_the_image_is_refused() {
        let input = Tensor::zeros((1, 2, 2, 1), DType::F32, &Device::Cpu).unwrap();
        assert!(Window::new(&input, [3, 3], [1, 1], [1, 1], Padding::Valid).is_err());
        assert!(Window::new(&input, [0, 1], [1, 1], [1, 1], Padding::Same).is_err());
        assert!(Window::new(&input, [1, 1], [0, 1], [1, 1], Padding::Same).is_err());
    }
}
