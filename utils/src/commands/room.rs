//! The two hidden commands: this program re-executes itself as the sandbox's launcher and as the trainer,
//! so that one binary is all that a machine needs.

use std::{ffi::OsString, process::ExitCode};

/// Applies the sandbox to itself, then becomes the trainer.
pub(crate) const ENTER: &str = "__enter-room";
/// Is the trainer.
pub(crate) const TRAINER: &str = "__trainer";

pub(crate) fn enter(arguments: Vec<OsString>) -> ExitCode {
    assay_platform::sandbox::enter(arguments)
}

pub(crate) fn trainer(arguments: Vec<OsString>) -> ExitCode {
    assay_trainer::run::main(arguments)
}
