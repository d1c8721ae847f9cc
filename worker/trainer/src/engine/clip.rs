use candle_core::Tensor;

use super::error::Result;
use super::math::{for_blocks, sum_of_squares};
use super::tensor::{modify, view};
use crate::spec::Clip;

/// Clips gradients in place as Keras does; a limit that is not above 0 is none.
pub(crate) fn clip(clip: Clip, gradients: &[Tensor]) -> Result<()> {
    match clip {
        Clip::Value(limit) if limit > 0.0 => {
            for gradient in gradients {
                each(gradient, |x| x.clamp(-limit, limit))?;
            }
        }
        Clip::Norm(limit) if limit > 0.0 => {
            for gradient in gradients {
                let norm = sum_of_squares(&view(gradient)?).sqrt() as f32;
                each(gradient, |x| x * limit / norm.max(limit))?;
            }
        }
        Clip::GlobalNorm(limit) if limit > 0.0 => {
            let mut sum = 0.0;
            for gradient in gradients {
                sum += sum_of_squares(&view(gradient)?);
            }
            let scale = limit * (1.0 / sum.sqrt() as f32).min(1.0 / limit);
            for gradient in gradients {
                each(gradient, |x| x * scale)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn each(gradient: &Tensor, f: impl Fn(f32) -> f32 + Sync + Send) -> Result<()> {
    modify(gradient, |numbers| {
        for_blocks(numbers, 1, |_, part| {
            part.iter_mut().for_each(|x| *x = f(*x))
        });
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tensor::tensor;

    fn clipped(kind: Clip) -> Vec<f32> {
        let gradients = [
            tensor(vec![3.0], 1).unwrap(),
            tensor(vec![-4.0, 0.0], 2).unwrap(),
        ];
        clip(kind, &gradients).unwrap();
        gradients
            .iter()
            .flat_map(|g| view(g).unwrap().to_vec())
            .collect()
    }

    #[test]
    fn each_kind_of_clipping() {
        assert_eq!(clipped(Clip::Value(3.5)), [3.0, -3.5, 0.0]);
        assert_eq!(clipped(Clip::Norm(2.0)), [2.0, -2.0, 0.0]);
        assert_eq!(clipped(Clip::Norm(8.0)), [3.0, -4.0, 0.0]);
        assert_eq!(clipped(Clip::GlobalNorm(2.5)), [1.5, -2.0, 0.0]);
        assert_eq!(clipped(Clip::GlobalNorm(0.0)), [3.0, -4.0, 0.0]);
    }
}
