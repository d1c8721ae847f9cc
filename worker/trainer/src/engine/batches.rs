use super::random::{permute, stream};

/// The batches of the training rows, pass after pass, as Keras' `fit` takes them.
///
/// A pass goes over all rows once, in an order drawn for the epoch in which it begins; its last batch may be
/// short. Without `steps` an epoch is a pass. With `steps` an epoch is that many batches, the next epoch goes
/// on where it stopped, and an epoch that reaches the end of the pass ends there.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    rows: &'a [u32],
    size: usize,
    steps: Option<usize>,
    seed: u64,
    order: Vec<u32>,
    at: usize,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(rows: &'a [u32], size: usize, steps: Option<usize>, seed: u64) -> Self {
        Self {
            rows,
            size: size.max(1),
            steps,
            seed,
            order: Vec::new(),
            at: 0,
        }
    }

    /// Goes past epochs that were trained before, so that the next one goes on in the pass where they stopped.
    pub(crate) fn skip(&mut self, epochs: std::ops::Range<u32>) {
        // Without steps every epoch is a pass of its own.
        if self.steps.is_some() {
            for epoch in epochs {
                self.epoch(epoch);
            }
        }
    }

    /// The batches of one epoch.
    pub(crate) fn epoch(&mut self, epoch: u32) -> Vec<&[u32]> {
        if self.at >= self.order.len() {
            self.order = self.rows.to_vec();
            permute(
                &mut self.order,
                &mut stream("shuffle", self.seed, Some(epoch)),
            );
            self.at = 0;
        }
        let rest = self.order.get(self.at..).unwrap_or_default();
        let batches: Vec<&[u32]> = match self.steps {
            Some(steps) => rest.chunks(self.size).take(steps).collect(),
            None => rest.chunks(self.size).collect(),
        };
        self.at += batches.iter().map(|batch| batch.len()).sum::<usize>();
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(batches: &[&[u32]]) -> Vec<usize> {
        batches.iter().map(|batch| batch.len()).collect()
    }

    #[test]
    fn every_epoch_is_a_pass_in_an_order_of_its_own() {
        let rows: Vec<u32> = (0..10).collect();
        let mut batches = Batches::new(&rows, 4, None, 1);
        let first: Vec<u32> = batches.epoch(0).concat();
        let second = batches.epoch(1);
        assert_eq!(lengths(&second), [4, 4, 2]);
        assert_ne!(first, second.concat());
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, rows);
    }

    #[test]
    fn epochs_that_are_skipped_change_nothing() {
        let rows: Vec<u32> = (0..10).collect();
        for steps in [None, Some(2), Some(3)] {
            let mut whole = Batches::new(&rows, 4, steps, 1);
            for epoch in 0..5 {
                let mut resumed = Batches::new(&rows, 4, steps, 1);
                resumed.skip(0..epoch);
                assert_eq!(
                    resumed.epoch(epoch),
                    whole.epoch(epoch),
                    "{steps:?} {epoch}"
                );
            }
        }
    }

    #[test]
    fn with_steps_the_pass_goes_on_in_the_next_epoch() {
        let rows: Vec<u32> = (0..10).collect();
        let mut batches = Batches::new(&rows, 4, Some(2), 1);
        let first = batches.epoch(0).concat();
        let second = batches.epoch(1);
        assert_eq!(lengths(&second), [2]);
        let mut all = [first, second.concat()].concat();
        all.sort_unstable();
        assert_eq!(all, rows);
        assert_eq!(lengths(&batches.epoch(2)), [4, 4]);
    }
}
