/// Keras' default number of thresholds.
const THRESHOLDS: usize = 200;

/// Area under the ROC curve over 200 evenly spaced thresholds with linear interpolation, as
/// `keras.metrics.AUC()` approximates it.
#[derive(Debug)]
pub(crate) struct Auc {
    positives: [f64; THRESHOLDS],
    negatives: [f64; THRESHOLDS],
}

impl Default for Auc {
    fn default() -> Self {
        Self {
            positives: [0.0; THRESHOLDS],
            negatives: [0.0; THRESHOLDS],
        }
    }
}

impl Auc {
    /// Counts each prediction under the highest threshold that it is above.
    pub(crate) fn add(&mut self, output: &[f32], labels: &[f32]) {
        for (&y, &label) in output.iter().zip(labels) {
            let place = (y.clamp(0.0, 1.0) * (THRESHOLDS - 1) as f32).ceil() - 1.0;
            let counts = if label != 0.0 {
                &mut self.positives
            } else {
                &mut self.negatives
            };
            // A NaN and what lies on the lowest threshold count under the first.
            if let Some(count) = counts.get_mut(place.max(0.0) as usize) {
                *count += 1.0;
            }
        }
    }

    /// The area; 0 when there are no positives or no negatives, as in Keras.
    pub(crate) fn result(&self) -> f64 {
        let total = |counts: &[f64]| counts.iter().sum::<f64>();
        let (positives, negatives) = (total(&self.positives), total(&self.negatives));
        let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
        let mut area = 0.0;
        let (mut recall, mut fallout) = (0.0, 0.0);
        // From the highest threshold down: the trapezoids between neighbouring points of the curve.
        for (p, n) in self.positives.iter().zip(&self.negatives).rev() {
            let (next_recall, next_fallout) = (
                recall + share(*p, positives),
                fallout + share(*n, negatives),
            );
            area += (next_fallout - fallout) * (next_recall + recall) / 2.0;
            (recall, fallout) = (next_recall, next_fallout);
        }
        area
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Keras' documentation.
    #[test]
    fn the_documented_example() {
        let mut auc = Auc::default();
        auc.add(&[0.0, 0.5, 0.3, 0.9], &[0.0, 0.0, 1.0, 1.0]);
        assert!((auc.result() - 0.75).abs() < 1e-9);
    }

    #[test]
    fn one_class_gives_zero() {
        let mut auc = Auc::default();
        auc.add(&[0.1, f32::NAN], &[1.0, 1.0]);
        assert_eq!(auc.result(), 0.0);
    }
}
