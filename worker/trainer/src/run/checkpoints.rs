//! Checkpoints of a running training: when one is due, where it lies, and going on from one.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use assay_protocol::{CheckpointRule, Event, Fault, LogLevel, OutputFile, room};

use super::CANDLE;
use super::events::Reporter;
use super::job::Job;
use super::transcript::Transcript;
use crate::checkpoint::{self, Checkpoint};
use crate::engine::{Engine, Epoch, Resume, device::Device};

/// Checkpoints in the output folder at least: the newest, and the one that may be being fetched.
const LYING: usize = 2;
/// A checkpoint is written only after so many times as long as the one before took.
const PAUSE: u32 = 20;

/// Writes checkpoints into the output folder.
pub(super) struct Checkpoints {
    folder: PathBuf,
    rule: CheckpointRule,
    belongs_to: String,
    /// When the one before was written, or training began.
    last: Instant,
    /// The least time from that to the next.
    pause: Duration,
    lying: VecDeque<OutputFile>,
}

impl Checkpoints {
    /// `None` when the room asks for none, or one would be larger than it may be.
    pub(super) fn new(
        folder: &Path,
        job: &Job,
        reporter: &mut Reporter<'_>,
    ) -> Result<Option<Self>, Fault> {
        let Some(rule) = job.checkpoints.clone().filter(|rule| rule.every_epochs > 0) else {
            return Ok(None);
        };
        let bytes = checkpoint::size(&job.archive.spec);
        if bytes > rule.max_bytes {
            let message = format!(
                "no checkpoints are written: one would have {bytes} bytes, and {} are allowed",
                rule.max_bytes
            );
            reporter.log(LogLevel::Warning, message)?;
            return Ok(None);
        }
        Ok(Some(Self {
            folder: folder.to_owned(),
            belongs_to: belongs_to(&rule, &job.device),
            last: Instant::now(),
            pause: Duration::from_secs(rule.min_seconds.into()),
            rule,
            lying: VecDeque::new(),
        }))
    }

    /// Writes a checkpoint if one is due. None is after the last epoch, for the outputs follow.
    ///
    /// A checkpoint that cannot be written is said and is no reason to stop training.
    pub(super) fn after(
        &mut self,
        epoch: &Epoch<'_>,
        transcript: &Transcript,
        reporter: &mut Reporter<'_>,
    ) -> Result<(), Fault> {
        let number = epoch.report.epoch;
        let due =
            number.is_multiple_of(self.rule.every_epochs) && self.last.elapsed() >= self.pause;
        if !due || number >= epoch.report.of {
            return Ok(());
        }
        let begun = Instant::now();
        match self.write(epoch, transcript) {
            Ok(bytes) => reporter.emit(&Event::Checkpoint {
                epoch: number,
                bytes,
            })?,
            Err(reason) => reporter.log(
                LogLevel::Warning,
                format!("the checkpoint after epoch {number} could not be written: {reason}"),
            )?,
        }
        if !self.pause.is_zero() {
            let least = Duration::from_secs(self.rule.min_seconds.into());
            self.pause = least.max(begun.elapsed() * PAUSE);
        }
        self.last = Instant::now();
        Ok(())
    }

    fn write(&mut self, epoch: &Epoch<'_>, transcript: &Transcript) -> Result<u64, String> {
        let checkpoint = Checkpoint {
            epoch: epoch.report.epoch,
            weights: epoch.engine.weights(),
            optimizer: epoch.engine.optimizer_state(),
            history: epoch.history.clone(),
            transcript: transcript.digests().to_vec(),
        };
        let bytes = checkpoint::write(&self.belongs_to, &checkpoint);
        let bytes = bytes.map_err(|fault| fault.message)?;
        let file = OutputFile {
            name: room::checkpoint(checkpoint.epoch),
            bytes: bytes.len() as u64,
        };
        super::outputs::put(&self.folder, &file.name, &bytes).map_err(|error| error.to_string())?;
        let written = file.bytes;
        self.lying.push_back(file);
        self.leave(LYING.max(self.kept()));
        Ok(written)
    }

    /// How many stay there at the end.
    fn kept(&self) -> usize {
        usize::try_from(self.rule.keep).unwrap_or(usize::MAX)
    }

    /// Removes all but those that are to stay, and gives these.
    pub(super) fn end(mut self) -> Vec<OutputFile> {
        self.leave(self.kept());
        self.lying.into()
    }

    /// Removes the oldest, so that at most so many lie there.
    fn leave(&mut self, most: usize) {
        while self.lying.len() > most {
            if let Some(file) = self.lying.pop_front() {
                // One that stays is refused with the outputs, and that says it.
                let _removed = std::fs::remove_file(self.folder.join(file.name));
            }
        }
    }
}

/// What a checkpoint says that it is of: what the platform says, trained by this program on this class of device.
fn belongs_to(rule: &CheckpointRule, device: &Device) -> String {
    format!(
        "{} {} candle-{CANDLE} {}",
        rule.belongs_to,
        env!("CARGO_PKG_VERSION"),
        device.arithmetic()
    )
}

/// Puts the job where the checkpoint in the room stopped. One that does not fit is said, and training begins anew.
pub(super) fn resume(
    input: &Path,
    job: &mut Job,
    transcript: &mut Transcript,
    reporter: &mut Reporter<'_>,
) -> Result<Option<Resume>, Fault> {
    let Some(rule) = &job.checkpoints else {
        return Ok(None);
    };
    let spec = &job.archive.spec;
    let at_most = checkpoint::largest(spec, &job.parameters);
    let mut read = match file(&input.join(room::CHECKPOINT), at_most) {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => checkpoint::read(
            &bytes,
            &belongs_to(rule, &job.device),
            spec,
            &job.parameters,
        )
        .map_err(|unfit| unfit.to_string()),
        Err(reason) => Err(reason),
    };
    if let Ok(found) = &read
        && let Some(reason) = transcript.unfit(spec, found)?
    {
        read = Err(reason);
    }
    let found = match read {
        Ok(found) => found,
        Err(reason) => {
            let message =
                format!("training begins anew, not from the checkpoint in the room: {reason}");
            reporter.log(LogLevel::Warning, message)?;
            return Ok(None);
        }
    };
    let threads = job.engine.threads();
    let state = Some(found.optimizer);
    job.engine =
        Engine::new(spec, found.weights, state, job.parameters.seed)?.with_threads(threads)?;
    reporter.note(&format!(
        "training goes on after epoch {}, from a checkpoint of an earlier attempt",
        found.epoch
    ));
    reporter.emit(&Event::Resumed { epoch: found.epoch })?;
    transcript.go_on(&found.transcript, reporter)?;
    Ok(Some(Resume {
        epoch: found.epoch,
        history: found.history,
    }))
}

/// A file's bytes, if there is one; `at_most` is looked at before any is read.
fn file(path: &Path, at_most: u64) -> Result<Option<Vec<u8>>, String> {
    let open = match std::fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| error.to_string())?,
    };
    let length = open.metadata().map_err(|error| error.to_string())?.len();
    if length > at_most {
        return Err(format!("it has {length} bytes, {at_most} at most are due"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    open.take(at_most)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests;
