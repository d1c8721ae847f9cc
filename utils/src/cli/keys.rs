use std::{path::PathBuf, process::ExitCode};

use assay_attest::KeyId;
use clap::Subcommand;

use crate::{commands::keys, output::Output};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make the keys of owner, API, workers and platform, and the layout that names them.
    Init {
        /// Folder of the keys; must not hold any yet.
        #[arg(long, default_value = "assay-data/secrets")]
        dir: PathBuf,
        /// Workers that get a key each, by the names 1, 2, …
        #[arg(long, default_value_t = 1)]
        workers: u32,
        /// Make a scanner's key too, and a second layout for jobs in scanned images.
        #[arg(long)]
        scan: bool,
    },
    /// Make one more key with the owner's key at hand, and sign layouts that name it.
    Add {
        /// Whose key.
        #[arg(value_parser = ["worker", "scanner"])]
        service: String,
        /// Its name: lower-case letters, digits and hyphens, as gpu-2.
        name: String,
        /// Folder of the keys, the owner's among them.
        #[arg(long, default_value = "assay-data/secrets")]
        dir: PathBuf,
    },
    /// Write what one machine needs to a new folder: its key, the layouts, trust.json; never the owner's key.
    Export {
        /// The service that the machine runs.
        #[arg(value_parser = ["api", "worker", "scanner"])]
        service: String,
        /// The name of its key; the first one's is 1.
        name: String,
        /// Folder to write to; must not hold any keys yet.
        to: PathBuf,
        /// Folder of the keys.
        #[arg(long, default_value = "assay-data/secrets")]
        dir: PathBuf,
    },
    /// Sign the layouts anew for ten years. Bundles that carry an older one stay valid.
    Layout {
        /// Folder of the keys, the owner's among them.
        #[arg(long, default_value = "assay-data/secrets")]
        dir: PathBuf,
    },
    /// Write the trust anchor that verifiers pin: `owner.pub`, `platform.pub`, `trust.json`.
    Trust {
        /// Folder of the keys.
        #[arg(long, default_value = "assay-data/secrets")]
        dir: PathBuf,
        /// Folder to write to.
        to: PathBuf,
    },
    /// Replace a key: a new one signs from now on, the old one may for a while yet. Older proofs stay valid.
    Rotate {
        /// Whose key.
        #[arg(value_parser = ["owner", "platform", "api", "worker", "scanner"])]
        what: String,
        /// The name of an API's, a worker's or a scanner's key; the first one's is 1.
        #[arg(default_value = "1")]
        name: String,
        /// Days for which the old key may sign yet, so that services can be started again one by one.
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(0..=3650))]
        overlap_days: u16,
        /// Folder of the keys, the owner's among them.
        #[arg(long, default_value = "assay-data/secrets")]
        dir: PathBuf,
    },
    /// Say that nothing of a key is to be believed any more, whenever it signed. Its proofs are refused with the reason.
    Revoke {
        /// The key's id: 64 hexadecimal digits.
        keyid: KeyId,
        /// Why, for those who verify.
        #[arg(long)]
        reason: String,
        /// Folder of the keys, the owner's among them.
        #[arg(long, default_value = "assay-data/secrets")]
        dir: PathBuf,
    },
}

pub(super) fn run(output: Output, command: KeysCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::Init { dir, workers, scan } => keys::init(output, &dir, workers, scan),
        KeysCommand::Add { service, name, dir } => keys::add(output, &dir, &service, &name),
        KeysCommand::Export {
            service,
            name,
            to,
            dir,
        } => keys::export(output, &dir, (&service, &name), &to),
        KeysCommand::Layout { dir } => keys::layout(output, &dir),
        KeysCommand::Trust { dir, to } => keys::trust(output, &dir, &to),
        KeysCommand::Rotate {
            what,
            name,
            overlap_days,
            dir,
        } => keys::rotate(output, &dir, (&what, &name), overlap_days),
        KeysCommand::Revoke { keyid, reason, dir } => keys::revoke(output, &dir, keyid, &reason),
    }
}
