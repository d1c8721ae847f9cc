//! Every random choice of a training, from one seed.
//!
//! Each purpose has a stream of its own: `ChaCha` with 8 rounds (D. J. Bernstein's original layout: 64-bit
//! block counter from 0, 64-bit nonce 0) under the key
//! `SHA-256("assay/" + purpose + "/" + seed)` or `SHA-256("assay/" + purpose + "/" + seed + "/" + epoch)`,
//! numbers in decimal, epochs counted from 0. The stream is read as little-endian 32-bit words.
//!
//! | purpose | key has the epoch | read as |
//! |---|---|---|
//! | `split` | no | a permutation of all rows |
//! | `shuffle` | the epoch in which this pass over the training rows begins | a permutation of the training rows |
//! | `dropout/` + layer name | yes | one word a number of the layer's output, batch by batch: dropped when the word is below `floor(rate · 2^32)` |
//!
//! A permutation is Fisher and Yates' from the back: for `i` from the last place down to 1, swap the places
//! `i` and `j`, `j` drawn evenly from `0..=i`. To draw evenly below `n`: take the next word `r`, let
//! `m = r · n` (64 bits); if the low half of `m` is below `2^32 mod n`, take another word; else the high half
//! of `m` is the number.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// The rows that are trained on and those that are only validated on; no row is in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows for training.
    pub training: Vec<u32>,
    /// Rows for validation.
    pub validation: Vec<u32>,
}

/// Splits `0..rows` by a seeded permutation: the first `floor(rows · (1 - validation_split))` train, as Keras
/// counts them, the rest validate.
pub fn split(rows: u32, validation_split: f64, seed: u64) -> Split {
    let mut training: Vec<u32> = (0..rows).collect();
    permute(&mut training, &mut stream("split", seed, None));
    let first = (f64::from(rows) * (1.0 - validation_split)).floor();
    let validation = training.split_off((first as usize).min(training.len()));
    Split {
        training,
        validation,
    }
}

/// The stream of one purpose.
pub(crate) fn stream(purpose: &str, seed: u64, epoch: Option<u32>) -> ChaCha8Rng {
    let mut name = format!("assay/{purpose}/{seed}");
    if let Some(epoch) = epoch {
        name.push_str(&format!("/{epoch}"));
    }
    ChaCha8Rng::from_seed(Sha256::digest(name).into())
}

/// Puts `items` into an order drawn from `stream`.
pub(crate) fn permute(items: &mut [u32], stream: &mut ChaCha8Rng) {
    for i in (1..items.len()).rev() {
        let below = u32::try_from(i + 1).unwrap_or(u32::MAX);
        items.swap(i, draw(stream, below) as usize);
    }
}

/// A number drawn evenly from `0..below`.
fn draw(stream: &mut ChaCha8Rng, below: u32) -> u32 {
    let rejected = below.wrapping_neg() % below.max(1);
    loop {
        let product = u64::from(stream.next_u32()) * u64::from(below);
        if product as u32 >= rejected {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_has_every_row_once_and_counts_as_keras_does() {
        let split = split(1797, 0.2, 7);
        assert_eq!(split.training.len(), 1437);
        let mut all = [split.training, split.validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1797).collect::<Vec<u32>>());
    }

    #[test]
    fn nothing_is_held_out_without_a_validation_split() {
        assert_eq!(split(5, 0.0, 0).training.len(), 5);
        assert_eq!(split(0, 0.5, 0).training.len(), 0);
    }

    /// The values come from `tests/fixtures/batch_order.py`.
    #[test]
    fn split_and_shuffle_are_those_of_the_python_script() {
        assert_eq!(
            split(10, 0.3, 42),
            Split {
                training: SPLIT_TRAINING.to_vec(),
                validation: SPLIT_VALIDATION.to_vec()
            }
        );
        let mut order: Vec<u32> = (0..10).collect();
        permute(&mut order, &mut stream("shuffle", 42, Some(3)));
        assert_eq!(order, SHUFFLE_3);
    }

    const SPLIT_TRAINING: [u32; 7] = [4, 1, 0, 7, 2, 6, 9];
    const SPLIT_VALIDATION: [u32; 3] = [8, 3, 5];
    const SHUFFLE_3: [u32; 10] = [2, 5, 1, 8, 6, 9, 0, 7, 4, 3];
}
