use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;

use crate::{commands::bom, output::Output};

#[derive(Debug, Subcommand)]
pub(super) enum BomCommand {
    /// Show which elements an AIBoM has of those that the G7/BSI minimum elements and the EU's AI Act ask for, and which
    /// not and why: exit code 1 when one is missing that must be there. Signatures are not verified.
    Score {
        /// A CycloneDX document in JSON, of any tool.
        file: PathBuf,
    },
}

pub(super) fn run(output: Output, command: BomCommand) -> anyhow::Result<ExitCode> {
    match command {
        BomCommand::Score { file } => bom::score::run(output, &file),
    }
}
