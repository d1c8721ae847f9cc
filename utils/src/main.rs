//! `assay`: train, prove, fetch and verify from the command line.

mod cli;
mod client;
mod commands;
mod output;
mod sample;

use std::process::ExitCode;

use assay_platform::{
    TRAINER_COMMAND,
    sandbox::{ENTER_ROOM, enter},
};

/// Training frees and takes the same large buffers over and over; this allocator keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // Twice in its life this program is something else: the launcher that seals a room, which must be alone in its
    // process and therefore comes before everything, and the trainer in that room.
    match arguments.next() {
        Some(word) if word == ENTER_ROOM => enter(&arguments.next().unwrap_or_default()),
        Some(word) if word == TRAINER_COMMAND => assay_trainer::run::main(arguments),
        _ => cli::run(),
    }
}
