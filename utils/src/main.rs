//! `assay`: train, prove, fetch and verify from the command line.

mod cli;
mod client;
mod commands;
mod output;
mod sample;

use std::process::ExitCode;

/// Training frees and takes the same large buffers over and over; this allocator keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
