//! Standard output: events, one a line, each flushed; and the lines of `logs.txt`, which say the same to people.

use std::fmt::Write as _;
use std::io::Write;

use assay_protocol::{EpochReport, Event, Fault, LogLevel, TrainerInfo};

use super::job::Job;

/// Tells the platform and the log what happens.
pub(super) struct Reporter<'a> {
    stdout: &'a mut dyn Write,
    lines: String,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(stdout: &'a mut dyn Write) -> Self {
        Self {
            stdout,
            lines: String::new(),
        }
    }

    /// Writes one event and flushes it.
    pub(super) fn emit(&mut self, event: &Event) -> Result<(), Fault> {
        let line = serde_json::to_string(event).map_err(|error| {
            Fault::without_field(
                "trainer.event",
                format!("an event cannot be written as JSON: {error}"),
            )
        })?;
        self.text(&format!("{line}\n"))
    }

    /// Writes text as it is.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Fault> {
        self.stdout
            .write_all(text.as_bytes())
            .and_then(|()| self.stdout.flush())
            .map_err(|error| {
                Fault::without_field(
                    "trainer.event",
                    format!("standard output cannot be written: {error}"),
                )
            })
    }

    /// Adds a line to the log alone.
    pub(super) fn note(&mut self, line: &str) {
        self.lines.push_str(line);
        self.lines.push('\n');
    }

    /// The log so far.
    pub(super) fn lines(&self) -> &str {
        &self.lines
    }

    /// A line for people, as an event and in the log.
    pub(super) fn log(&mut self, level: LogLevel, message: String) -> Result<(), Fault> {
        let mark = match level {
            LogLevel::Info => "",
            LogLevel::Warning => "warning: ",
        };
        self.note(&format!("{mark}{message}"));
        self.emit(&Event::Log { level, message })
    }

    /// Training begins.
    pub(super) fn started(&mut self, trainer: TrainerInfo, job: &Job) -> Result<(), Fault> {
        let (model, data) = (&job.model, &job.data);
        self.note(&format!(
            "{} {} with candle {} on {} ({} threads)",
            trainer.name, trainer.version, trainer.candle, trainer.arithmetic, trainer.threads
        ));
        self.note(&format!(
            "model {:?} ({}): {} layers, {} trainable and {} other parameters, input {:?}, output {:?}, loss {}",
            model.name,
            model.class,
            model.layers.len(),
            model.trainable_parameters,
            model.non_trainable_parameters,
            model.input_shape,
            model.output_shape,
            model.loss,
        ));
        self.note(&format!(
            "data set ({}): {} rows, {} to train on, {} to validate on, {} classes",
            data.kind,
            data.rows,
            data.training_rows,
            data.validation_rows,
            data.classes.len(),
        ));
        self.emit(&Event::Started {
            trainer,
            model: model.clone(),
            data: data.clone(),
        })
    }

    /// An epoch ended. JSON has no word for NaN and infinity, so such metrics stay out of the event.
    pub(super) fn epoch(&mut self, mut report: EpochReport) -> Result<(), Fault> {
        let mut line = format!("epoch {}/{}:", report.epoch, report.of);
        for (name, value) in &report.metrics {
            // Writing to a string cannot fail.
            let _ = write!(line, " {name} {value:.6}");
        }
        let _ = write!(line, " ({:.3} s)", report.seconds);
        self.note(&line);
        report.metrics.retain(|_, value| value.is_finite());
        self.emit(&Event::Epoch(report))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_cannot_say_do_not_break_the_stream() {
        let mut out = Vec::new();
        let mut reporter = Reporter::new(&mut out);
        let metrics = [("loss".to_owned(), 0.5), ("auc".to_owned(), f64::NAN)].into();
        let report = EpochReport {
            epoch: 1,
            of: 2,
            metrics,
            seconds: 0.1,
            weights_sha256: None,
        };
        reporter.epoch(report).unwrap();
        assert_eq!(
            reporter.lines(),
            "epoch 1/2: auc NaN loss 0.500000 (0.100 s)\n"
        );
        let text = String::from_utf8(out).unwrap();
        let Event::Epoch(read) = serde_json::from_str(&text).unwrap() else {
            panic!("{text}");
        };
        assert_eq!(read.metrics, [("loss".to_owned(), 0.5)].into());
    }
}
