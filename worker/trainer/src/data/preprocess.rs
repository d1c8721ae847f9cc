//! Normalize, scale, clip: fitted on the training split alone, and written out so that anyone can feed the model.

use assay_protocol::Fault;
use serde::Serialize;

use super::definition::Preprocessing;

/// Added to the standard deviation, so that a constant feature does not divide by zero.
const EPSILON: f64 = 1e-8;

/// The numbers of a data set as read, row by row.
#[derive(Debug)]
pub(super) enum Numbers {
    /// Pixels as they lie in the files.
    Whole(Vec<u8>),
    /// Records and resized pixels.
    Single(Vec<f32>),
    /// Cells of a table: kept wide until they are normalized, so that large offsets cost no digits.
    Double(Vec<f64>),
}

/// Mean and standard deviation, one each for every index of the last axis (a column, a colour channel).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Statistics {
    pub(super) mean: Vec<f64>,
    pub(super) std: Vec<f64>,
}

/// The steps with their fitted numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Steps {
    pub(super) normalize: Option<Statistics>,
    pub(super) scale: Option<f64>,
    pub(super) clip: Option<[f64; 2]>,
}

impl Steps {
    /// Fits the steps to the training rows; each row has `length` numbers, `channels` of them on the last axis.
    pub(super) fn fit(
        wanted: &Preprocessing,
        numbers: &Numbers,
        training: &[u32],
        length: usize,
        channels: usize,
    ) -> Self {
        let normalize = wanted.normalize.then(|| match numbers {
            Numbers::Whole(all) => whole(all, training, length, channels),
            Numbers::Single(all) => wide(all, training, length, channels, f64::from),
            Numbers::Double(all) => wide(all, training, length, channels, |v| v),
        });
        Self {
            normalize,
            scale: wanted.scale,
            clip: wanted.clip,
        }
    }

    /// One number of a channel through all steps.
    #[inline]
    pub(super) fn apply(&self, value: f64, channel: usize) -> f64 {
        let mut value = value;
        if let Some(Statistics { mean, std }) = &self.normalize
            && let (Some(mean), Some(std)) = (mean.get(channel), std.get(channel))
        {
            value = (value - mean) / (std + EPSILON);
        }
        if let Some(scale) = self.scale {
            value *= scale;
        }
        if let Some([low, high]) = self.clip {
            value = value.clamp(low, high);
        }
        value
    }

    /// Every number through all steps; what no finite 32-bit float can hold is a fault.
    pub(super) fn apply_all<T: Copy>(
        &self,
        numbers: &[T],
        channels: usize,
        wide: impl Fn(T) -> f64,
    ) -> Result<Vec<f32>, Fault> {
        let mut out = Vec::with_capacity(numbers.len());
        for pixel in numbers.chunks_exact(channels) {
            for (channel, number) in pixel.iter().enumerate() {
                out.push(self.apply(wide(*number), channel) as f32);
            }
        }
        finite(out)
    }

    /// As [`Steps::apply_all`], but where the numbers lie: they may be most of the memory there is.
    pub(super) fn apply_in_place(
        &self,
        mut numbers: Vec<f32>,
        channels: usize,
    ) -> Result<Vec<f32>, Fault> {
        for pixel in numbers.chunks_exact_mut(channels) {
            for (channel, number) in pixel.iter_mut().enumerate() {
                *number = self.apply(f64::from(*number), channel) as f32;
            }
        }
        finite(numbers)
    }

    /// What each of the 256 pixel values becomes, a table a channel.
    pub(super) fn tables(&self, channels: usize) -> Result<Vec<[f32; 256]>, Fault> {
        let tables: Vec<[f32; 256]> = (0..channels)
            .map(|channel| std::array::from_fn(|value| self.apply(value as f64, channel) as f32))
            .collect();
        if tables.iter().flatten().all(|value| value.is_finite()) {
            return Ok(tables);
        }
        Err(too_large())
    }

    /// The steps as `preprocessing.json` has them, in the order in which they are applied.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let mut steps = Vec::new();
        if let Some(Statistics { mean, std }) = &self.normalize {
            steps.push(serde_json::json!({
                "step": "normalize",
                "formula": "(x - mean) / (std + epsilon)",
                "axis": -1,
                "mean": mean,
                "std": std,
                "epsilon": EPSILON,
                "fitted_on": "training split",
            }));
        }
        if let Some(factor) = self.scale {
            steps.push(serde_json::json!({"step": "scale", "factor": factor}));
        }
        if let Some([min, max]) = self.clip {
            steps.push(serde_json::json!({"step": "clip", "min": min, "max": max}));
        }
        serde_json::Value::Array(steps)
    }
}

fn finite(numbers: Vec<f32>) -> Result<Vec<f32>, Fault> {
    if numbers.iter().all(|value| value.is_finite()) {
        return Ok(numbers);
    }
    Err(too_large())
}

fn too_large() -> Fault {
    Fault::dataset(
        "dataset.not_finite",
        "after preprocessing, a feature has a value that no finite 32-bit float can hold; scale or clip it in the definition",
    )
}

fn row<T>(all: &[T], row: u32, length: usize) -> &[T] {
    let start = row as usize * length;
    all.get(start..start + length).unwrap_or_default()
}

/// Exact integer sums, so the result does not depend on any order.
fn whole(all: &[u8], training: &[u32], length: usize, channels: usize) -> Statistics {
    let mut sums = vec![(0u64, 0u64); channels];
    let mut count = 0u64;
    for index in training {
        for pixel in row(all, *index, length).chunks_exact(channels) {
            count += 1;
            for (value, (sum, squares)) in pixel.iter().zip(&mut sums) {
                *sum += u64::from(*value);
                *squares += u64::from(*value).pow(2);
            }
        }
    }
    let n = count as f64;
    let moments = |(sum, squares): &(u64, u64)| {
        let spread = u128::from(count) * u128::from(*squares) - u128::from(*sum).pow(2);
        (*sum as f64 / n, (spread as f64).sqrt() / n)
    };
    let (mean, std) = sums.iter().map(moments).unzip();
    Statistics { mean, std }
}

/// Two passes in 64 bits, always in the order of the training rows' numbers.
fn wide<T: Copy>(
    all: &[T],
    training: &[u32],
    length: usize,
    channels: usize,
    value: impl Fn(T) -> f64,
) -> Statistics {
    let mut training = training.to_vec();
    training.sort_unstable();
    let mut mean = vec![0.0; channels];
    let mut count = 0u64;
    for index in &training {
        for pixel in row(all, *index, length).chunks_exact(channels) {
            count += 1;
            for (number, sum) in pixel.iter().zip(&mut mean) {
                *sum += value(*number);
            }
        }
    }
    let n = count as f64;
    mean.iter_mut().for_each(|sum| *sum /= n);
    let mut std = vec![0.0; channels];
    for index in &training {
        for pixel in row(all, *index, length).chunks_exact(channels) {
            for ((number, mean), sum) in pixel.iter().zip(&mean).zip(&mut std) {
                *sum += (value(*number) - mean).powi(2);
            }
        }
    }
    std.iter_mut().for_each(|sum| *sum = (*sum / n).sqrt());
    Statistics { mean, std }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Preprocessing = Preprocessing {
        normalize: true,
        scale: Some(2.0),
        clip: Some([-1.0, 1.5]),
    };

    #[test]
    fn statistics_see_the_training_rows_only() {
        let numbers = Numbers::Double(vec![1.0, 10.0, 3.0, 30.0, 1e6, -1e6]);
        let steps = Steps::fit(&ALL, &numbers, &[1, 0], 2, 2);
        let Some(Statistics { mean, std }) = &steps.normalize else {
            panic!("normalize was asked for");
        };
        assert_eq!(mean, &[2.0, 20.0]);
        assert_eq!(std, &[1.0, 10.0]);
    }

    #[test]
    fn the_order_is_normalize_scale_clip() {
        let numbers = Numbers::Double(vec![1.0, 3.0]);
        let steps = Steps::fit(&ALL, &numbers, &[0, 1], 1, 1);
        let out = steps.apply_all(&[1.0, 2.25, 3.0], 1, |v| v).unwrap();
        assert_eq!(out, [-1.0, 0.5, 1.5]);
        assert_eq!(steps.apply_in_place(vec![1.0, 2.25, 3.0], 1).unwrap(), out);
    }

    #[test]
    fn pixels_are_normalized_by_channel_and_tables_agree_with_numbers() {
        let pixels = vec![0, 10, 255, 3, 7, 250];
        let numbers = Numbers::Whole(pixels.clone());
        let fitted = Preprocessing {
            normalize: true,
            ..Preprocessing::default()
        };
        let steps = Steps::fit(&fitted, &numbers, &[0], 6, 3);
        let wide = Numbers::Double(pixels.iter().map(|v| f64::from(*v)).collect());
        let same = Steps::fit(&fitted, &wide, &[0], 6, 3);
        assert_eq!(steps, same);
        let tables = steps.tables(3).unwrap();
        let direct = steps.apply_all(&pixels, 3, f64::from).unwrap();
        for (at, value) in pixels.iter().enumerate() {
            assert_eq!(tables[at % 3][usize::from(*value)], direct[at]);
        }
    }

    #[test]
    fn a_constant_feature_becomes_zero_and_overflow_is_a_fault() {
        let numbers = Numbers::Double(vec![5.0, 5.0]);
        let fitted = Preprocessing {
            normalize: true,
            ..Preprocessing::default()
        };
        let steps = Steps::fit(&fitted, &numbers, &[0, 1], 1, 1);
        assert_eq!(steps.apply(5.0, 0), 0.0);
        let plain = Steps::fit(&Preprocessing::default(), &numbers, &[0], 1, 1);
        let fault = plain.apply_all(&[1e300], 1, |v| v).unwrap_err();
        assert_eq!(fault.code, "dataset.not_finite");
    }
}
