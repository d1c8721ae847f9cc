use super::auc::Auc;
use super::targets::{Targets, largest};
use crate::spec::{Metric, MetricKind};

/// The loss and the metrics of an epoch, gathered batch by batch.
#[derive(Debug)]
pub(crate) struct Metrics {
    loss: Mean,
    rest: Vec<(String, MetricKind, Gathered)>,
}

#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

#[derive(Debug)]
enum Gathered {
    Mean(Mean),
    Auc(Box<Auc>),
}

impl Mean {
    fn add(&mut self, sum: f64, count: usize) {
        self.sum += sum;
        self.count += count as f64;
    }

    /// 0 when nothing was gathered, as in Keras.
    fn result(&self) -> f64 {
        if self.count == 0.0 {
            0.0
        } else {
            self.sum / self.count
        }
    }
}

impl Metrics {
    /// Nothing gathered yet.
    pub(crate) fn new(metrics: &[Metric]) -> Self {
        let rest = metrics
            .iter()
            .map(|metric| {
                let gathered = match metric.kind {
                    MetricKind::Auc => Gathered::Auc(Box::default()),
                    _ => Gathered::Mean(Mean::default()),
                };
                (metric.name.clone(), metric.kind, gathered)
            })
            .collect();
        Self {
            loss: Mean::default(),
            rest,
        }
    }

    /// Adds a batch: its mean loss (weighted by its rows, as Keras does) and its predictions.
    pub(crate) fn add(&mut self, loss: f64, output: &[f32], targets: &Targets) {
        let rows = targets.classes.len();
        self.loss.add(loss * rows as f64, rows);
        for (_, kind, gathered) in &mut self.rest {
            match gathered {
                Gathered::Auc(auc) => auc.add(output, &targets.numbers),
                Gathered::Mean(mean) => {
                    if let Some((sum, count)) = measure(*kind, output, targets) {
                        mean.add(sum, count);
                    }
                }
            }
        }
    }

    /// `loss` and the metrics, sorted by name as Keras sorts them.
    pub(crate) fn results(&self) -> Vec<(String, f64)> {
        let mut results = vec![("loss".to_owned(), self.loss.result())];
        for (name, _, gathered) in &self.rest {
            let value = match gathered {
                Gathered::Mean(mean) => mean.result(),
                Gathered::Auc(auc) => auc.result(),
            };
            results.push((name.clone(), value));
        }
        results.sort_by(|a, b| a.0.cmp(&b.0));
        results
    }
}

/// Sum and count of what the metric averages; `None` for one that is no mean.
fn measure(kind: MetricKind, output: &[f32], targets: &Targets) -> Option<(f64, usize)> {
    let pairs = output.iter().zip(&targets.numbers);
    let width = targets.width.max(1);
    Some(match kind {
        MetricKind::BinaryAccuracy { threshold } => {
            let hits = pairs
                .filter(|&(&y, &t)| f32::from(u8::from(y > threshold)) == t)
                .count();
            (hits as f64, output.len())
        }
        MetricKind::CategoricalAccuracy | MetricKind::SparseCategoricalAccuracy => {
            let rows = output.chunks_exact(width).zip(&targets.classes);
            let hits = rows.filter(|&(row, &class)| largest(row) == class).count();
            (hits as f64, targets.classes.len())
        }
        MetricKind::MeanAbsoluteError => (
            pairs.map(|(&y, &t)| f64::from((y - t).abs())).sum(),
            output.len(),
        ),
        MetricKind::MeanSquaredError => (
            pairs.map(|(&y, &t)| f64::from(y - t).powi(2)).sum(),
            output.len(),
        ),
        MetricKind::Auc => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_weighted_by_rows() {
        let mut metrics = Metrics::new(&[]);
        let batch = |rows: usize| Targets {
            numbers: vec![0.0; rows],
            classes: vec![0; rows],
            width: 1,
        };
        metrics.add(1.0, &[0.0; 3], &batch(3));
        metrics.add(5.0, &[0.0], &batch(1));
        assert_eq!(metrics.results(), [("loss".to_owned(), 2.0)]);
    }

    #[test]
    fn binary_accuracy_is_strictly_above_the_threshold() {
        let targets = Targets {
            numbers: vec![0.0, 1.0, 1.0],
            classes: vec![0, 1, 1],
            width: 1,
        };
        let measured = measure(
            MetricKind::BinaryAccuracy { threshold: 0.5 },
            &[0.5, 0.6, 0.2],
            &targets,
        );
        assert_eq!(measured, Some((2.0, 3)));
    }
}
