//! Kills and pauses everything at random points, and counts what became of the jobs.
//!
//! It starts servers of its own, an API and workers, hands in short jobs, and strikes: `plan` (what, in which phase),
//! `conductor` (when), `strike` (how). At the end `check` looks at every job. Workers say in their log which phase a
//! job enters; a strike comes at a random moment after such a line, and a killed worker's last line tells which phase it
//! really met.

mod check;
mod conductor;
mod containers;
mod deployment;
mod disk;
mod load;
mod options;
mod phase;
mod process;
mod random;
mod report;
mod run;
mod say;
mod strike;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // Before any thread is started: threads share what they were born with.
    disk::own_mounts();
    let options = options::Options::parse();
    match run::run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say::say(format!("the run broke off: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
