use assay_attest::{Digest, Transcript};

/// The digests of the weights that a trainer reported, in the order of their epochs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Digests(Vec<Digest>);

impl Digests {
    /// Takes in the digest after an epoch of a training whose weights were handed in after epoch `first`. `false` when it
    /// is none, or not that of the next epoch.
    pub(super) fn take(&mut self, first: u32, epoch: u32, sha256: &str) -> bool {
        let next = u64::from(first) + self.0.len() as u64;
        match sha256.parse() {
            Ok(digest) if u64::from(epoch) == next => {
                self.0.push(digest);
                true
            }
            _ => false,
        }
    }

    /// The transcript of a training that ended after epoch `last`: `Ok(None)` when none was reported at all, as by older
    /// programs, and `Err` when one was reported in part.
    pub(super) fn transcript(&self, first: u32, last: u32) -> Result<Option<Transcript>, ()> {
        let whole = u64::from(last) + 1 == u64::from(first) + self.0.len() as u64;
        match (self.0.is_empty(), whole) {
            (true, _) => Ok(None),
            (false, true) => Ok(Transcript::new(first, self.0.clone())),
            (false, false) => Err(()),
        }
    }
}
