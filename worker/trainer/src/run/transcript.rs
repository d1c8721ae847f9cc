//! The digests of the weights, epoch by epoch: what somebody who trains again can compare with as it goes.

use assay_protocol::{EpochReport, Event, Fault};

use super::events::Reporter;
use super::job::Job;
use crate::archive::safetensors_digest;
use crate::checkpoint::Checkpoint;
use crate::engine::Epoch;
use crate::spec::ModelSpec;

/// SHA-256 of `model.safetensors` as it would be before the first epoch and after each so far.
pub(super) struct Transcript {
    /// The epoch of the first digest.
    first: u32,
    digests: Vec<[u8; 32]>,
}

impl Transcript {
    /// Begins with the weights as handed in, and tells of them.
    pub(super) fn begin(job: &Job, reporter: &mut Reporter<'_>) -> Result<Self, Fault> {
        let mut transcript = Self {
            first: job.parameters.initial_epoch,
            digests: Vec::new(),
        };
        let handed_in = safetensors_digest(&job.archive.spec, &job.archive.weights)?;
        transcript.restate(&[handed_in], reporter)?;
        Ok(transcript)
    }

    /// Why a checkpoint does not go on where this transcript begins; `None` when it does.
    pub(super) fn unfit(
        &self,
        spec: &ModelSpec,
        found: &Checkpoint,
    ) -> Result<Option<String>, Fault> {
        if found.transcript.first() != self.digests.first() {
            return Ok(Some("it began with other weights".to_owned()));
        }
        let weights = safetensors_digest(spec, &found.weights)?;
        let last = found.transcript.last() == Some(&weights);
        Ok((!last).then(|| "its weights are not those that it names".to_owned()))
    }

    /// Takes over the digests of a checkpoint, which begin as this transcript does, and tells of them.
    pub(super) fn go_on(
        &mut self,
        digests: &[[u8; 32]],
        reporter: &mut Reporter<'_>,
    ) -> Result<(), Fault> {
        self.restate(digests.get(1..).unwrap_or_default(), reporter)
    }

    /// Notes the weights after an epoch; gives what is to be told of it.
    pub(super) fn after(
        &mut self,
        spec: &ModelSpec,
        epoch: &Epoch<'_>,
    ) -> Result<EpochReport, Fault> {
        let digest = safetensors_digest(spec, &epoch.engine.weights())?;
        self.digests.push(digest);
        Ok(EpochReport {
            weights_sha256: Some(hexadecimal(&digest)),
            ..epoch.report.clone()
        })
    }

    /// The digests so far.
    pub(super) fn digests(&self) -> &[[u8; 32]] {
        &self.digests
    }

    fn restate(&mut self, digests: &[[u8; 32]], reporter: &mut Reporter<'_>) -> Result<(), Fault> {
        for digest in digests {
            let passed = u32::try_from(self.digests.len()).unwrap_or(u32::MAX);
            reporter.emit(&Event::Weights {
                epoch: self.first.saturating_add(passed),
                sha256: hexadecimal(digest),
            })?;
            self.digests.push(*digest);
        }
        Ok(())
    }
}

fn hexadecimal(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
