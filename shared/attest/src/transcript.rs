//! A training's transcript: the digest of the weights after every epoch, chained, so that one digest stands for all.
//!
//! Somebody who trains again compares epoch by epoch, and knows at the first difference. With the first epoch `f` (the
//! weights as handed in), the last `n`, and `d(k)` the SHA-256 of the bytes that `model.safetensors` has after epoch `k`,
//! all digests as their 32 bytes and all numbers as 8 bytes, the most significant first:
//!
//! ```text
//! c(f) = SHA-256("assay/transcript/v1" ‖ f ‖ d(f))
//! c(k) = SHA-256(c(k − 1) ‖ k ‖ d(k))         for k = f + 1 … n
//! ```
//!
//! `c(n)` is the head. It stands in `byproducts.transcript` of the `run_training` link, with the digests themselves
//! unless they are more than [`MAX_LISTED`]; then with `c(n − 1)`, which still ties the head to the trained model.

use serde::{Deserialize, Serialize};

use crate::{ArtifactPath, Digest, Role, intoto::Link};

/// The byproduct of `run_training` that holds it.
pub const TRANSCRIPT: &str = "transcript";
/// The name of this form, and the first bytes that its chain hashes.
const ALGORITHM: &str = "assay/transcript/v1";
/// Digests that a link lists at most: 10,000 epochs, and before them.
pub const MAX_LISTED: usize = 10_001;
/// The output whose digests it lists.
const WEIGHTS: &str = "model.safetensors";

/// The weights' digests of a training, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    first_epoch: u32,
    digests: Vec<Digest>,
}

/// What a link says of a training's transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RecordedTranscript {
    algorithm: String,
    /// The epoch of the weights as handed in: 0, or the job's `initial_epoch`.
    pub first_epoch: u32,
    /// The last epoch, counted from 1.
    pub last_epoch: u32,
    /// The end of the chain.
    pub head: Digest,
    /// Every digest, the first epoch's first; absent when they are too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Vec<Digest>>,
    /// The chain before the last epoch, where the digests are absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head_before_last: Option<Digest>,
}

/// Why a transcript does not hold. The text is for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TranscriptError(String);

impl Transcript {
    /// A transcript that begins with the weights as handed in, at `first_epoch`. `None` when there is no digest at all.
    pub fn new(first_epoch: u32, digests: Vec<Digest>) -> Option<Self> {
        let epochs = u32::try_from(digests.len()).ok()?;
        first_epoch.checked_add(epochs.checked_sub(1)?)?;
        Some(Self {
            first_epoch,
            digests,
        })
    }

    /// The digest of the trained weights.
    pub fn last(&self) -> Option<Digest> {
        self.digests.last().copied()
    }

    /// What a link says of it.
    pub fn record(&self) -> RecordedTranscript {
        let (head, before) = self.heads();
        let listed = self.digests.len() <= MAX_LISTED;
        RecordedTranscript {
            algorithm: ALGORITHM.to_owned(),
            first_epoch: self.first_epoch,
            last_epoch: self.first_epoch + self.digests.len().saturating_sub(1) as u32,
            head,
            sha256: listed.then(|| self.digests.clone()),
            head_before_last: before.filter(|_| !listed),
        }
    }

    /// The end of the chain, and the one before it.
    fn heads(&self) -> (Digest, Option<Digest>) {
        let mut epochs = (u64::from(self.first_epoch)..).zip(&self.digests);
        let first = epochs.next().unwrap_or((0, &NO_WEIGHTS));
        let begin = chain(ALGORITHM.as_bytes(), first);
        epochs.fold((begin, None), |(head, _), epoch| {
            (chain(head.as_bytes(), epoch), Some(head))
        })
    }
}

/// Never met: [`Transcript::new`] makes none without a digest.
const NO_WEIGHTS: Digest = Digest::from_bytes([0; 32]);

fn chain(before: &[u8], (epoch, digest): (u64, &Digest)) -> Digest {
    let parts = [before, &epoch.to_be_bytes(), digest.as_bytes()];
    Digest::of(&parts.concat())
}

impl RecordedTranscript {
    /// What a `run_training` link says; `None` when it says nothing.
    ///
    /// # Errors
    /// When it is not of the form that this version knows.
    pub fn of(link: &Link) -> Result<Option<Self>, TranscriptError> {
        let Some(value) = link.byproducts.get(TRANSCRIPT) else {
            return Ok(None);
        };
        let recorded = Self::deserialize(value)
            .map_err(|error| TranscriptError(format!("it is malformed: {error}")))?;
        if recorded.algorithm != ALGORITHM {
            let name: String = recorded.algorithm.chars().take(80).collect();
            return Err(TranscriptError(format!(
                "it is of the form {name:?}; this version knows {ALGORITHM:?}"
            )));
        }
        Ok(Some(recorded))
    }

    /// The digest of the weights after an epoch, if it is listed.
    pub fn after(&self, epoch: u32) -> Option<Digest> {
        let place = usize::try_from(epoch.checked_sub(self.first_epoch)?).ok()?;
        self.sha256.as_ref()?.get(place).copied()
    }

    /// Recomputes the chain, as far as it is there, and holds its end against the digest of the trained weights.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self, weights: Digest) -> Result<(), TranscriptError> {
        let wrong = |text: String| Err(TranscriptError(text));
        let epochs = u64::from(self.last_epoch).checked_sub(u64::from(self.first_epoch));
        let (head, last) = match (&self.sha256, self.head_before_last) {
            (Some(digests), None) => {
                if epochs.map(|epochs| epochs + 1) != Some(digests.len() as u64) {
                    return wrong("it does not have one digest for each epoch".to_owned());
                }
                let whole = Transcript::new(self.first_epoch, digests.clone());
                match whole
                    .as_ref()
                    .and_then(|whole| Some((whole.heads().0, whole.last()?)))
                {
                    Some(found) => found,
                    None => return wrong("it has no digest".to_owned()),
                }
            }
            (None, Some(before)) => {
                let last = (u64::from(self.last_epoch), &weights);
                (chain(before.as_bytes(), last), weights)
            }
            _ => {
                return wrong(
                    "it must have either all digests or the head before the last".to_owned(),
                );
            }
        };
        if last != weights {
            return wrong(format!(
                "its last digest is {last}; {WEIGHTS} has SHA-256 {weights}"
            ));
        }
        if head != self.head {
            return wrong(format!("its chain ends in {head}, not in {}", self.head));
        }
        Ok(())
    }
}

/// The digest of the trained weights, as a `run_training` link names it among its products.
pub fn trained_weights(link: &Link) -> Option<Digest> {
    let is_weights = |path: &str| {
        ArtifactPath::parse(path)
            .is_ok_and(|path| path.role == Role::Output && path.file == WEIGHTS)
    };
    let mut products = link.products.iter();
    products
        .find(|(path, _)| is_weights(path))
        .map(|(_, digest)| *digest)
}

#[cfg(test)]
mod tests;
