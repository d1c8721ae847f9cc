use std::{path::PathBuf, process::ExitCode};

use clap::{Subcommand, ValueEnum};

use crate::{commands::intoto, output::Output};

#[derive(Debug, Subcommand)]
pub(super) enum IntotoCommand {
    /// Verify a layout with its links: signatures, thresholds, sublayouts, rules; inspections hash files and run nothing.
    Verify {
        /// The layout: a metablock or a DSSE envelope.
        #[arg(long)]
        layout: PathBuf,
        /// Public keys (PEM: P-256, Ed25519 or RSA), each of which must have signed the layout.
        #[arg(long = "key", required = true, num_args = 1..)]
        keys: Vec<PathBuf>,
        /// Folder of the links.
        #[arg(long, default_value = ".")]
        links: PathBuf,
        /// Folder of the final product, hashed if the layout has inspections.
        #[arg(long, default_value = ".")]
        product: PathBuf,
    },
    /// Sign a link or a layout, or add a signature to a signed one.
    Sign {
        /// The link or layout: signed already, or its bare JSON.
        file: PathBuf,
        /// Private keys (P-256, PKCS #8 PEM) that sign.
        #[arg(long = "key", required = true, num_args = 1..)]
        keys: Vec<PathBuf>,
        /// The container; that of the file when absent, for bare JSON a metablock. Signatures do not survive a change.
        #[arg(long, value_enum)]
        form: Option<Form>,
        /// Where to write; the file itself when absent.
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

/// Containers of in-toto metadata.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Form {
    /// `signatures` and `signed`.
    Metablock,
    /// A DSSE envelope.
    Dsse,
}

pub(super) fn run(output: Output, command: IntotoCommand) -> anyhow::Result<ExitCode> {
    match command {
        IntotoCommand::Verify {
            layout,
            keys,
            links,
            product,
        } => intoto::verify::run(output, &layout, &keys, &links, &product),
        IntotoCommand::Sign {
            file,
            keys,
            form,
            output: to,
        } => intoto::sign::run(output, &file, &keys, form, to),
    }
}
