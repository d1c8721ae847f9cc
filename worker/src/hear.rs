//! What the trainer says of its run, and whether an honest one could have said it.
//!
//! The trainer has opened a user's model, so its events are claims. Their order, their sizes and their number are judged
//! here; whether the run went well is not: that takes the exit status and what the sandbox saw, too (`outcome`).

use std::collections::BTreeMap;

use assay_platform::telemetry::metrics::EPOCH_SECONDS;
use assay_protocol::{
    DataSummary, EpochReport, Event, Fault, LogLevel, ModelSummary, OutputFile, Parameters,
    TrainerInfo, deceives,
};

/// Log lines of one attempt that reach the event log; a flood is cut with a note.
const MAX_LOG_LINES: u32 = 10_000;
/// Bytes of one log line.
const MAX_LINE_BYTES: usize = 4096;
/// Log text kept for the link, newest lines last.
const MAX_TAIL_BYTES: usize = 4096;
/// Metrics of one epoch.
const MAX_METRICS: usize = 256;
/// Bytes of a metric's name.
const MAX_METRIC_NAME: usize = 256;

/// What the trainer said of its work before training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Started {
    pub(crate) trainer: TrainerInfo,
    pub(crate) model: ModelSummary,
    pub(crate) data: DataSummary,
}

/// What the trainer said at a good end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done {
    pub(crate) outputs: Vec<OutputFile>,
    pub(crate) metrics: BTreeMap<String, f64>,
    pub(crate) training_seconds: f64,
}

/// A checkpoint in the output folder, as the trainer describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) epoch: u32,
    pub(crate) bytes: u64,
}

/// Everything heard of one run. The trainer's events are claims of a program that has touched a user's
/// model, so their order and sizes are checked here before anything is made of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) started: Option<Started>,
    /// The epoch after which the room's checkpoint was written, if there is one in it.
    offered: Option<u32>,
    /// The epoch after which it went on with an earlier training.
    pub(crate) resumed: Option<u32>,
    pub(crate) last_epoch: Option<EpochReport>,
    /// The newest checkpoint that it wrote.
    pub(crate) checkpoint: Option<Written>,
    pub(crate) done: Option<Done>,
    pub(crate) failed: Option<Fault>,
    /// The last lines for people.
    log_tail: String,
    /// Events that were printed.
    pub(crate) events: u64,
    /// The first thing that no honest trainer would have said.
    pub(crate) violation: Option<String>,
    log_lines: u32,
}

impl Heard {
    /// Nothing heard yet of a run in a room with a checkpoint after this epoch, if there is one.
    pub(crate) fn offered(offered: Option<u32>) -> Self {
        Self {
            offered,
            ..Self::default()
        }
    }

    /// Takes in one event; gives what of it belongs in the job's event log.
    pub(crate) fn take(&mut self, event: Event, parameters: &Parameters) -> Option<Event> {
        self.events += 1;
        match event {
            Event::Log { level, message } => self.take_log(level, message),
            _ if self.violation.is_some() => None,
            _ if self.done.is_some() || self.failed.is_some() => {
                self.refuse("an event after the one that ends a run")
            }
            Event::Started {
                trainer,
                model,
                data,
            } => {
                if self.started.is_some() {
                    return self.refuse("a second start");
                }
                let event = Event::Started {
                    trainer: trainer.clone(),
                    model: model.clone(),
                    data: data.clone(),
                };
                self.started = Some(Started {
                    trainer,
                    model,
                    data,
                });
                Some(event)
            }
            Event::Resumed { epoch } => self.take_resumed(epoch),
            Event::Checkpoint { epoch, bytes } => self.take_checkpoint(Written { epoch, bytes }),
            Event::Checked { .. } => self.refuse("the end of a check in a training"),
            Event::Epoch(report) => self.take_epoch(report, parameters),
            Event::Done {
                outputs,
                metrics,
                training_seconds,
            } => self.take_done(Done {
                outputs,
                metrics,
                training_seconds,
            }),
            Event::Failed(fault) => {
                let Some(fault) = fault.sanitized() else {
                    return self.refuse("a failure whose code is not a dotted lower-case word");
                };
                self.failed = Some(fault.clone());
                Some(Event::Failed(fault))
            }
        }
    }

    fn take_log(&mut self, level: LogLevel, message: String) -> Option<Event> {
        let message = cut(message);
        self.log_tail.push_str(&message);
        self.log_tail.push('\n');
        if self.log_tail.len() > 2 * MAX_TAIL_BYTES {
            self.log_tail = tail(&self.log_tail).to_owned();
        }
        self.log_lines = self.log_lines.saturating_add(1);
        match self.log_lines {
            ..=MAX_LOG_LINES => Some(Event::Log { level, message }),
            lines if lines == MAX_LOG_LINES + 1 => Some(Event::Log {
                level: LogLevel::Warning,
                message: format!(
                    "more than {MAX_LOG_LINES} log lines; the rest is in the training's own logs.txt only"
                ),
            }),
            _ => None,
        }
    }

    fn take_epoch(&mut self, report: EpochReport, parameters: &Parameters) -> Option<Event> {
        let after = self
            .last_epoch
            .as_ref()
            .map(|last| last.epoch)
            .or(self.resumed)
            .unwrap_or(parameters.initial_epoch);
        if self.started.is_none() {
            return self.refuse("an epoch before the start");
        }
        if report.of != parameters.epochs || report.epoch > report.of || report.epoch <= after {
            return self.refuse("epochs out of order");
        }
        if !plausible(&report.metrics) {
            return self.refuse("metrics too many or with names that none can have");
        }
        metrics::histogram!(EPOCH_SECONDS).record(report.seconds);
        self.last_epoch = Some(report.clone());
        Some(Event::Epoch(report))
    }

    fn take_resumed(&mut self, epoch: u32) -> Option<Event> {
        let begun = self.resumed.is_some() || self.last_epoch.is_some();
        if self.started.is_none() || begun || self.offered != Some(epoch) {
            return self.refuse("that it goes on from a checkpoint that it does not have");
        }
        self.resumed = Some(epoch);
        Some(Event::Resumed { epoch })
    }

    /// The event log hears of a checkpoint when it is in the store, not before.
    fn take_checkpoint(&mut self, written: Written) -> Option<Event> {
        let newer = self
            .checkpoint
            .is_none_or(|last| last.epoch < written.epoch);
        let trained = self
            .last_epoch
            .as_ref()
            .is_some_and(|last| last.epoch == written.epoch);
        if !newer || !trained {
            return self.refuse("a checkpoint of another epoch than the last");
        }
        self.checkpoint = Some(written);
        None
    }

    fn take_done(&mut self, done: Done) -> Option<Event> {
        if self.started.is_none() {
            return self.refuse("an end before the start");
        }
        if !plausible(&done.metrics) {
            return self.refuse("metrics too many or with names that none can have");
        }
        self.done = Some(done.clone());
        Some(Event::Done {
            outputs: done.outputs,
            metrics: done.metrics,
            training_seconds: done.training_seconds,
        })
    }

    /// Remembers a lie, and puts it into the log where the event would have stood.
    fn refuse(&mut self, what: &str) -> Option<Event> {
        let message = format!("the trainer reported {what}");
        self.violation = Some(message.clone());
        Some(Event::Log {
            level: LogLevel::Warning,
            message,
        })
    }

    /// The last log lines, at most 4 KiB.
    pub(crate) fn log_tail(&self) -> &str {
        tail(&self.log_tail)
    }
}

fn plausible(metrics: &BTreeMap<String, f64>) -> bool {
    metrics.len() <= MAX_METRICS && metrics.keys().all(|name| plausible_name(name))
}

/// The names stand in the signed AIBoM, where people read them.
fn plausible_name(name: &str) -> bool {
    name.len() <= MAX_METRIC_NAME && !name.contains(deceives)
}

/// Cuts a line that is too long, and says so.
fn cut(mut line: String) -> String {
    if line.len() > MAX_LINE_BYTES {
        let bytes = line.len();
        line.truncate(line.floor_char_boundary(MAX_LINE_BYTES));
        line.push_str(&format!("… (cut; {bytes} bytes)"));
    }
    line
}

/// The last whole characters of a text, at most [`MAX_TAIL_BYTES`].
pub(crate) fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(MAX_TAIL_BYTES);
    text.get(text.ceil_char_boundary(start)..).unwrap_or("")
}

#[cfg(test)]
pub(crate) mod tests;
