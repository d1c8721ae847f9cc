//! The engine as a whole: against Keras, against finite differences, and against itself on other threads.

mod accelerator;
mod cases;
mod determinism;
mod faults;
mod gradients;
mod keras;
mod resume;

use super::{Labels, Rows};

/// Rows in memory.
pub(crate) struct Table {
    pub(crate) shape: Vec<usize>,
    pub(crate) x: Vec<f32>,
    pub(crate) y: Labels,
}

impl Rows for Table {
    fn rows(&self) -> usize {
        self.x.len() / self.shape.iter().product::<usize>()
    }

    fn input_shape(&self) -> &[usize] {
        &self.shape
    }

    fn gather(&self, rows: &[u32], x: &mut Vec<f32>, y: &mut Labels) {
        let pick = |data: &[f32], width: usize| -> Vec<f32> {
            let row = |&row: &u32| data[row as usize * width..][..width].to_vec();
            rows.iter().flat_map(row).collect()
        };
        *x = pick(&self.x, self.shape.iter().product());
        *y = match &self.y {
            Labels::Classes(classes) => {
                Labels::Classes(rows.iter().map(|&row| classes[row as usize]).collect())
            }
            Labels::Values { width, data } => Labels::Values {
                width: *width,
                data: pick(data, *width),
            },
        };
    }
}
