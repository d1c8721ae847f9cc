//! The trainer's two modes, `check` and `train`, and the way from a room's `in/` to its `out/`.
//!
//! Standard output carries one [`assay_protocol::Event`] a line and nothing else; standard error is free
//! text. The exit code says who is to mend a failure: 0 done, 2 the user, 1 we.

mod arguments;
mod checkpoints;
mod events;
mod inputs;
mod job;
mod outputs;
#[cfg(test)]
mod tests;
mod transcript;

use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use assay_protocol::{Event, Fault, TrainerInfo};

use crate::engine::{self, device::Device};
use arguments::{Command, HELP};
use checkpoints::Checkpoints;
use events::Reporter;
use job::Job;
use transcript::Transcript;

/// The version of candle that [`TrainerInfo`] names; a test holds it against the lock file.
const CANDLE: &str = "0.11.1";
/// Exit code of a failure that the user can mend.
const USERS_FAULT: u8 = 2;

/// Runs the trainer with the arguments after the program's name. Also the entry of a program that
/// re-executes itself as the trainer.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    run(arguments, &mut std::io::stdout().lock())
}

/// As [`main`], with standard output given.
fn run(arguments: impl IntoIterator<Item = OsString>, stdout: &mut dyn Write) -> ExitCode {
    let command = match arguments::parse(arguments) {
        Ok(command) => command,
        Err(problem) => {
            eprintln!("assay-trainer: {problem}\n\n{HELP}");
            return ExitCode::FAILURE;
        }
    };
    let mut reporter = Reporter::new(stdout);
    // A panic is a fault of ours. It is told like any other, so that nobody waits for an end that never comes.
    let outcome = catch_unwind(AssertUnwindSafe(|| execute(&command, &mut reporter)));
    let outcome = outcome.unwrap_or_else(|panic| Err(panic_fault(panic.as_ref())));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("assay-trainer: {} ({})", fault.message, fault.code);
            let users = fault.is_users();
            if reporter.emit(&Event::Failed(fault)).is_err() || !users {
                ExitCode::FAILURE
            } else {
                ExitCode::from(USERS_FAULT)
            }
        }
    }
}

fn execute(command: &Command, reporter: &mut Reporter<'_>) -> Result<(), Fault> {
    match command {
        Command::Help => reporter.text(HELP),
        Command::Version => {
            reporter.text(concat!("assay-trainer ", env!("CARGO_PKG_VERSION"), "\n"))
        }
        Command::Check { input, threads } => check(input, *threads, reporter),
        Command::Train {
            input,
            output,
            threads,
        } => train(input, output, *threads, reporter),
    }
}

fn panic_fault(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    let text: String = text.chars().take(500).collect();
    Fault::without_field(
        "trainer.panic",
        format!("the trainer stopped at a point that should be impossible to reach: {text}"),
    )
}

/// Reads everything, holds it against each other, trains nothing.
fn check(input: &Path, threads: usize, reporter: &mut Reporter<'_>) -> Result<(), Fault> {
    let job = Job::read(input, threads)?;
    reporter.emit(&Event::Checked {
        model: job.model,
        data: job.data,
    })
}

fn train(
    input: &Path,
    output: &Path,
    threads: usize,
    reporter: &mut Reporter<'_>,
) -> Result<(), Fault> {
    let mut job = Job::read(input, threads)?;
    job.device = Device::of(job.parameters.device)?;
    let trainer = TrainerInfo {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        candle: CANDLE.to_owned(),
        arithmetic: job.device.arithmetic(),
        threads: u32::try_from(threads).unwrap_or(u32::MAX),
    };
    reporter.started(trainer, &job)?;
    for (level, message) in std::mem::take(&mut job.remarks) {
        reporter.log(level, message)?;
    }
    let mut transcript = Transcript::begin(&job, reporter)?;
    let resume = checkpoints::resume(input, &mut job, &mut transcript, reporter)?;
    job.engine.move_to(&job.device)?;
    let mut checkpoints = Checkpoints::new(output, &job, reporter)?;
    let begun = Instant::now();
    let spec = &job.archive.spec;
    let history = engine::train(
        &mut job.engine,
        &job.dataset,
        &job.split,
        &job.parameters,
        resume,
        &mut |epoch| {
            reporter.epoch(transcript.after(spec, &epoch)?)?;
            match &mut checkpoints {
                Some(checkpoints) => checkpoints.after(&epoch, &transcript, reporter),
                None => Ok(()),
            }
        },
    )?;
    let kept = checkpoints.map(Checkpoints::end).unwrap_or_default();
    let training_seconds = begun.elapsed().as_secs_f64();
    reporter.note(&format!("trained in {training_seconds:.3} s"));
    let metrics = history
        .iter()
        .filter_map(|(name, values)| Some((name.to_owned(), *values.last()?)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    let mut outputs = outputs::write(output, &job, &history, reporter.lines())?;
    outputs.extend(kept);
    reporter.emit(&Event::Done {
        outputs,
        metrics,
        training_seconds,
    })
}
