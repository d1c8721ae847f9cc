use assay_attest::{Digest, RecordedTranscript, Transcript};
use assay_protocol::Event;
use tokio::sync::{mpsc, watch};

use super::Recorded;
use crate::{environment::Measured, stop::Stop};

/// Holds what a trainer says against a proof's transcript, as it says it.
#[derive(Debug)]
pub(crate) struct Comparison {
    transcript: RecordedTranscript,
    /// The proof's class of arithmetic.
    arithmetic: String,
    /// Whether the program here is another one than that which trained.
    other_program: bool,
    /// The first thing that was not as it ought to be.
    different: Option<Different>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Different {
    /// The class of arithmetic here.
    Arithmetic(String),
    /// The first epoch whose weights are not those recorded.
    Epoch(u32),
    /// The epochs that are not listed one by one.
    Chain,
}

impl Comparison {
    pub(super) fn new(recorded: &Recorded, program: &Measured) -> Self {
        let other_program = match (&recorded.program, program) {
            (Some(recorded), Measured::Text(here)) => recorded != here,
            _ => false,
        };
        Self {
            transcript: recorded.transcript.clone(),
            arithmetic: recorded.arithmetic.clone(),
            other_program,
            different: None,
        }
    }

    /// Passes a run's events on, and says at the first difference that it need not go on.
    pub(crate) async fn follow(
        &mut self,
        mut said: mpsc::Receiver<Event>,
        passed: mpsc::Sender<Event>,
        differs: watch::Sender<bool>,
    ) {
        while let Some(event) = said.recv().await {
            self.hear(&event);
            if self.different.is_some() {
                differs.send_replace(true);
            }
            if passed.send(event).await.is_err() {
                return;
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        let (epoch, sha256) = match event {
            Event::Started { trainer, .. } if trainer.arithmetic != self.arithmetic => {
                let here = trainer.arithmetic.clone();
                self.different.get_or_insert(Different::Arithmetic(here));
                return;
            }
            Event::Weights { epoch, sha256 } => (*epoch, sha256),
            Event::Epoch(report) => match &report.weights_sha256 {
                Some(sha256) => (report.epoch, sha256),
                None => return,
            },
            _ => return,
        };
        // What is no digest is judged where everything is that no honest trainer says.
        let recorded = self.transcript.after(epoch).zip(sha256.parse().ok());
        if recorded.is_some_and(|(recorded, here): (Digest, Digest)| recorded != here) {
            self.different.get_or_insert(Different::Epoch(epoch));
        }
    }

    /// Why the run was of no use, if it was not.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        match &self.different {
            None => Ok(()),
            Some(different) => Err(self.stop(different)),
        }
    }

    /// Holds the transcript of a whole run against the recorded one.
    pub(super) fn end(&self, here: Option<&Transcript>) -> Result<(), Stop> {
        self.check()?;
        match here.map(Transcript::record) {
            Some(here) if here == self.transcript => Ok(()),
            _ => Err(self.stop(&Different::Chain)),
        }
    }

    fn stop(&self, different: &Different) -> Stop {
        let what = match different {
            Different::Arithmetic(here) => {
                let recorded = &self.arithmetic;
                return Stop::ours(
                    "reproduction.other_arithmetic",
                    format!(
                        "this worker computes as {here}, the proof's as {recorded}: equal training need not give equal \
                         bytes, so there is nothing to vouch for. Let a worker on a processor of the proof's class try, or \
                         compare within a tolerance with `assay reproduce`"
                    ),
                );
            }
            Different::Epoch(epoch) if *epoch == self.transcript.first_epoch => {
                format!("the weights as handed in, after epoch {epoch}, differ from the proof's")
            }
            Different::Epoch(epoch) => {
                format!("the weights after epoch {epoch} are the first that differ from the proof's")
            }
            Different::Chain => {
                "the digests of all epochs' weights do not end in the head of the proof's transcript"
                    .to_owned()
            }
        };
        let program = if self.other_program {
            "; the trainer here is another program than the one that trained"
        } else {
            ""
        };
        Stop::ours(
            "reproduction.differs",
            format!("{what}; nothing was signed{program}"),
        )
    }
}

#[cfg(test)]
mod tests;
