use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Runs jobs on several workers while it kills, pauses, cuts off and fills up everything at random moments; then counts
/// what became of the jobs. Exit code 0: none lost, none doubled, every proof verifies.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Options {
    /// Jobs at least; more are handed in while strikes are left.
    #[arg(long, default_value_t = 200)]
    pub(crate) jobs: usize,
    /// Workers.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=16))]
    pub(crate) workers: u32,
    /// Kills that must land inside each phase of an attempt; a third of it, rounded up, of each rarer strike.
    #[arg(long, default_value_t = 5)]
    pub(crate) per_phase: usize,
    /// What all random choices come from; drawn and printed when absent. The moments of the machine stay its own.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Where jobs are trained.
    #[arg(long, value_enum, default_value_t = Sandbox::Process)]
    pub(crate) sandbox: Sandbox,
    /// The trainer's image, for `--sandbox docker`; one of the program `assay-trainer` beside this one when absent.
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// Folder for logs and data, kept at the end; a temporary one when absent, kept when something is wrong.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Minutes after which it gives up.
    #[arg(long, default_value_t = 60)]
    pub(crate) minutes: u64,
}

/// Where jobs are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sandbox {
    /// A restricted child process of the worker.
    Process,
    /// A container for each job; `ASSAY_TEST_DOCKER` names the engine.
    Docker,
}
