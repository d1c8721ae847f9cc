//! The trainer's own steps, as they are heard of: reading the inputs, the epochs, writing the outputs.

use std::time::SystemTime;

use assay_platform::telemetry::PastSpan;
use assay_protocol::Event;
use tracing::Span;

/// Epochs that a trace shows of one run, at most; of more, every so many is shown. An exporter keeps 128 moments of a span.
const MOST_EPOCHS: u32 = 100;

/// When the steps of a run were heard of. What is told of them are times and numbers, none of a user's words.
#[derive(Debug)]
pub(crate) struct Course {
    begun: SystemTime,
    started: Option<SystemTime>,
    epochs: Vec<Epoch>,
    last_epoch: Option<(u32, SystemTime)>,
    over: Option<(SystemTime, Option<String>)>,
}

#[derive(Debug)]
struct Epoch {
    number: u32,
    at: SystemTime,
    seconds: f64,
}

impl Course {
    /// Of a run that begins now.
    pub(crate) fn begin() -> Self {
        Self {
            begun: SystemTime::now(),
            started: None,
            epochs: Vec::new(),
            last_epoch: None,
            over: None,
        }
    }

    /// Takes in an event that was found to be in order.
    pub(crate) fn hear(&mut self, event: &Event) {
        let at = SystemTime::now();
        match event {
            Event::Started { .. } => self.started = Some(at),
            Event::Epoch(report) => {
                self.last_epoch = Some((report.epoch, at));
                let step = report.of.div_ceil(MOST_EPOCHS).max(1);
                let is_shown = report.epoch.is_multiple_of(step) || report.epoch == report.of;
                if is_shown && self.epochs.len() <= MOST_EPOCHS as usize {
                    self.epochs.push(Epoch {
                        number: report.epoch,
                        at,
                        seconds: report.seconds,
                    });
                }
            }
            Event::Done { .. } => self.over = Some((at, None)),
            Event::Failed(fault) => self.over = Some((at, Some(fault.code.to_string()))),
            Event::Checked { .. }
            | Event::Resumed { .. }
            | Event::Checkpoint { .. }
            | Event::Weights { .. }
            | Event::Log { .. } => {}
        }
    }

    /// Tells the steps as parts of `run`. One that was begun and not ended lasted until now.
    pub(crate) fn tell(self, run: &Span) {
        let (end, code) = self
            .over
            .unwrap_or_else(|| (SystemTime::now(), Some("trainer.broke_off".to_owned())));
        let step = |name, from, to, is_last: bool| {
            let span = PastSpan::new(name, from, to);
            match &code {
                Some(code) if is_last => span.failed(code),
                _ => span,
            }
        };
        let Some(started) = self.started else {
            step("trainer.load", self.begun, end, true).tell(run);
            return;
        };
        step("trainer.load", self.begun, started, false).tell(run);
        let (last, trained) = self.last_epoch.unwrap_or((0, end));
        // A trainer that failed after its last word of an epoch may have been in the next or in the outputs: the epochs
        // are where it surely was.
        let is_last = code.is_some();
        let trained = if is_last { end } else { trained };
        let epochs = step("trainer.epochs", started, trained, is_last)
            .with("assay.last_epoch", i64::from(last));
        let epochs = self.epochs.iter().fold(epochs, |span, epoch| {
            let numbers = [
                ("assay.epoch", f64::from(epoch.number)),
                ("assay.epoch.seconds", epoch.seconds),
            ];
            span.with_moment("epoch", epoch.at, &numbers)
        });
        epochs.tell(run);
        if !is_last {
            step("trainer.export", trained, end, false).tell(run);
        }
    }
}
