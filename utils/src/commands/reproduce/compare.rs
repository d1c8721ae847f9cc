use assay_attest::{Digest, RecordedTranscript, Transcript};
use assay_protocol::{Event, LogLevel};

use super::Segment;

/// What an event means for the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// It goes on.
    Train,
    /// Nothing more can be learned from it.
    Stop,
    /// It cannot be compared at all, for this reason.
    Refuse(String),
}

/// Holds the weights of a run against a transcript, epoch by epoch.
#[derive(Debug)]
pub(super) struct Comparison {
    recorded: Option<RecordedTranscript>,
    /// The proof's class of arithmetic.
    class: String,
    /// The part that is run; all of it when absent.
    segment: Option<Segment>,
    /// Digests of the weights here, from the first epoch on.
    digests: Vec<Digest>,
    /// The class here, once the trainer has told it.
    pub(super) here: Option<String>,
    /// Epochs whose weights are those recorded.
    pub(super) equal: u32,
    /// The first epoch whose weights are not those recorded.
    pub(super) differs: Option<u32>,
    /// The last one that the trainer gave.
    warning: Option<String>,
}

impl Comparison {
    pub(super) fn new(
        recorded: Option<RecordedTranscript>,
        class: String,
        segment: Option<Segment>,
    ) -> Self {
        Self {
            recorded,
            class,
            segment,
            digests: Vec::new(),
            here: None,
            equal: 0,
            differs: None,
            warning: None,
        }
    }

    /// Whether equal training must give equal bytes here. On a graphics processor sums have no fixed order.
    pub(super) fn must_be_equal(&self) -> bool {
        self.here.as_ref() == Some(&self.class) && !self.class.starts_with("cuda/")
    }

    /// Takes in what the trainer says.
    pub(super) fn hear(&mut self, event: &Event) -> Next {
        match event {
            Event::Started { trainer, .. } => {
                self.here = Some(trainer.arithmetic.clone());
                if self.segment.is_some() && !self.must_be_equal() {
                    return Next::Refuse(self.no_segment());
                }
                Next::Train
            }
            Event::Log {
                level: LogLevel::Warning,
                message,
            } => {
                self.warning = Some(message.clone());
                Next::Train
            }
            Event::Weights { epoch, sha256 } => self.weights(*epoch, sha256),
            Event::Epoch(report) => match (&report.weights_sha256, self.segment) {
                (_, Some(segment)) if report.epoch <= segment.from => {
                    let why = self.warning.as_deref().unwrap_or("no reason was given");
                    Next::Refuse(format!(
                        "the trainer did not begin at the checkpoint: {why}"
                    ))
                }
                (Some(sha256), _) => self.weights(report.epoch, sha256),
                (None, _) => Next::Train,
            },
            _ => Next::Train,
        }
    }

    fn no_segment(&self) -> String {
        let here = self.here.as_deref().unwrap_or("unknown");
        format!(
            "a part of a training is compared byte by byte, which needs the proof's class of arithmetic ({}); \
             this machine's is {here}",
            self.class
        )
    }

    fn weights(&mut self, epoch: u32, sha256: &str) -> Next {
        let Ok(digest) = sha256.parse::<Digest>() else {
            return Next::Refuse(format!("the trainer gave {sha256:?} for a digest"));
        };
        self.digests.push(digest);
        match self.recorded.as_ref().and_then(|one| one.after(epoch)) {
            Some(recorded) if recorded == digest => self.equal += 1,
            Some(_) => {
                self.differs.get_or_insert(epoch);
                if self.must_be_equal() {
                    return Next::Stop;
                }
            }
            None => {}
        }
        match self.segment {
            Some(segment) if epoch == segment.to => Next::Stop,
            _ => Next::Train,
        }
    }

    /// Whether the chain of all weights here ends where the recorded one does; `None` when there is nothing to compare.
    pub(super) fn same_head(&self) -> Option<bool> {
        let recorded = self.recorded.as_ref()?;
        let here = Transcript::new(recorded.first_epoch, self.digests.clone())?;
        Some(here.record().head == recorded.head)
    }
}

#[cfg(test)]
mod tests;
