use assay_protocol::Fault;

use super::rows::Labels;
use crate::spec::Loss;

/// The labels of a batch in both forms that losses and metrics take.
#[derive(Debug)]
pub(crate) struct Targets {
    /// As many numbers as the output has: the values, or one-hot classes.
    pub(crate) numbers: Vec<f32>,
    /// One class a row: the class, or the place of the largest value.
    pub(crate) classes: Vec<u32>,
    /// Numbers in a row.
    pub(crate) width: usize,
}

impl Targets {
    /// The labels of a batch for an output of `width` numbers a row.
    pub(crate) fn new(
        labels: &Labels,
        rows: usize,
        width: usize,
        loss: Loss,
    ) -> Result<Self, Fault> {
        let sparse = matches!(loss, Loss::SparseCategoricalCrossentropy { .. });
        let targets = match labels {
            Labels::Classes(classes) => {
                let classes = classes.clone();
                let numbers = from_classes(&classes, width)?;
                Self {
                    numbers,
                    classes,
                    width,
                }
            }
            Labels::Values { width: 1, data } if sparse => {
                let classes: Vec<u32> = data.iter().map(|&x| x as u32).collect();
                let numbers = from_classes(&classes, width)?;
                Self {
                    numbers,
                    classes,
                    width,
                }
            }
            Labels::Values { width: given, data } if *given == width => {
                let classes = data.chunks_exact(width.max(1)).map(largest).collect();
                Self {
                    numbers: data.clone(),
                    classes,
                    width,
                }
            }
            Labels::Values { width: given, .. } => {
                return Err(Fault::dataset(
                    "dataset.label_width",
                    format!(
                        "a label has {given} numbers but the model's output has {width}; they must be equal"
                    ),
                ));
            }
        };
        if targets.classes.len() != rows || targets.numbers.len() != rows * width {
            return Err(Fault::without_field(
                "trainer.labels",
                "a batch has more or fewer labels than rows",
            ));
        }
        Ok(targets)
    }
}

/// Place of the largest number, the first of equals.
pub(crate) fn largest(row: &[f32]) -> u32 {
    let mut best = 0;
    for (i, x) in row.iter().enumerate() {
        if row.get(best).is_some_and(|b| x > b) {
            best = i;
        }
    }
    best as u32
}

/// The class itself for one output, one-hot for more.
fn from_classes(classes: &[u32], width: usize) -> Result<Vec<f32>, Fault> {
    if width == 1 {
        return Ok(classes.iter().map(|&class| class as f32).collect());
    }
    let mut numbers = vec![0.0; classes.len() * width];
    for (row, &class) in numbers.chunks_exact_mut(width.max(1)).zip(classes) {
        match row.get_mut(class as usize) {
            Some(place) => *place = 1.0,
            None => {
                return Err(Fault::dataset(
                    "dataset.class_out_of_range",
                    format!(
                        "a label is class {class}, but the model has {width} outputs; classes count from 0"
                    ),
                ));
            }
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPARSE: Loss = Loss::SparseCategoricalCrossentropy { from_logits: false };

    #[test]
    fn classes_become_one_hot() {
        let targets = Targets::new(&Labels::Classes(vec![2, 0]), 2, 3, SPARSE).unwrap();
        assert_eq!(targets.numbers, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_class_beyond_the_outputs_is_the_data_sets_fault() {
        let fault = Targets::new(&Labels::Classes(vec![3]), 1, 3, SPARSE).unwrap_err();
        assert_eq!(fault.code, "dataset.class_out_of_range");
        assert!(fault.is_users());
    }

    #[test]
    fn labels_of_another_width_are_refused() {
        let labels = Labels::Values {
            width: 2,
            data: vec![0.0; 4],
        };
        let fault = Targets::new(&labels, 2, 3, Loss::MeanSquaredError).unwrap_err();
        assert_eq!(fault.code, "dataset.label_width");
    }
}
