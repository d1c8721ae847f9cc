//! The sandbox that needs nothing but the kernel: a child process that gives up what it could do, then
//! becomes the trainer.
//!
//! The server starts its own program again with [`ENTER_ROOM`]; that process, still single-threaded, calls
//! [`enter`], which seals it off step by step, reports on one line what holds, and executes the trainer in its own
//! place. Nothing has to run between `fork` and `exec` in the threaded server, and the trainer inherits
//! nothing but its three standard streams.

mod child;
mod elf;
mod enter;
mod landlock;
mod peak;
mod proc;
mod rlimits;
mod run;
mod seccomp;
mod spec;
mod users;

use std::{collections::BTreeSet, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Mechanism;

pub use enter::enter;

/// The hidden subcommand under which a program that contains the launcher calls [`enter`] with the argument after it.
pub const ENTER_ROOM: &str = "__enter-room";

/// A program and the arguments that come before any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its file; absolute.
    pub path: PathBuf,
    /// Its leading arguments.
    pub args: Vec<String>,
}

impl Program {
    /// The program that is running, whatever has become of its file since.
    pub fn this(args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            path: PathBuf::from("/proc/self/exe"),
            args: args.into_iter().map(Into::into).collect(),
        }
    }
}

/// A sandbox made of a restricted child process.
#[derive(Debug, Clone)]
pub struct ProcessSandbox {
    /// The program that seals the room; it must call [`enter`] before it starts a thread.
    pub launcher: Program,
    /// The program that is run in the room, with `check --in in` or `train --in in --out out` and `--threads N` appended.
    pub trainer: Program,
    /// The mechanisms whose absence is recorded but does not keep the trainer from running.
    pub allow_missing: BTreeSet<Mechanism>,
}
