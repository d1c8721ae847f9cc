use std::{path::PathBuf, process::ExitCode, time::Duration};

use assay_attest::KeyId;
use assay_platform::keys::{Engine, Place, VaultConfig};
use clap::{Args, Subcommand};

use crate::{commands::keys, output::Output};

/// How long the owner waits for a signature while the engine is away.
const PATIENCE: Duration = Duration::from_secs(10);

/// `assay keys`.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    vault: Vault,
}

/// Where private keys are, if not in files. Fields are named as arguments are known to all commands, which have an
/// address and a file of authorities of their own.
#[derive(Debug, Args)]
struct Vault {
    /// The keys are in the transit engine of this `OpenBao` or `HashiCorp` Vault server: `https://…`, or `http://…` on
    /// this machine.
    #[arg(long, global = true, value_name = "ADDRESS")]
    vault: Option<String>,
    /// File with a token that may make keys there and sign with the owner's.
    #[arg(long, global = true, value_name = "FILE")]
    vault_token_file: Option<PathBuf>,
    /// Where the engine is mounted.
    #[arg(long, global = true, default_value = "transit")]
    vault_mount: String,
    /// What the names of the keys begin with.
    #[arg(long, global = true, default_value = "assay-")]
    vault_prefix: String,
    /// The engine's namespace.
    #[arg(
        long = "vault-namespace",
        global = true,
        default_value = "",
        hide_default_value = true
    )]
    vault_namespace: String,
    /// Certificates (PEM) of authorities to trust beside those of this machine.
    #[arg(long, global = true, value_name = "FILE")]
    vault_ca_file: Option<PathBuf>,
}

impl Vault {
    fn place(&self, dir: PathBuf, owner_file: bool) -> anyhow::Result<Place> {
        let Some(address) = self.vault.clone() else {
            return Ok(Place::Files(dir));
        };
        let engine = Engine::open(VaultConfig {
            address,
            mount: self.vault_mount.clone(),
            prefix: self.vault_prefix.clone(),
            token_file: self.vault_token_file.clone().unwrap_or_default(),
            namespace: self.vault_namespace.clone(),
            ca_file: self.vault_ca_file.clone().unwrap_or_default(),
            patience: PATIENCE,
        })?;
        Ok(Place::Vault {
            dir,
            engine,
            owner_file,
        })
    }
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
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
        /// With --vault: make the owner's key as a file all the same, to be kept offline.
        #[arg(long)]
        owner_file: bool,
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

pub(super) fn run(output: Output, Keys { command, vault }: Keys) -> anyhow::Result<ExitCode> {
    let at = |dir| vault.place(dir, false);
    match command {
        KeysCommand::Init {
            dir,
            workers,
            scan,
            owner_file,
        } => keys::init(output, &vault.place(dir, owner_file)?, workers, scan),
        KeysCommand::Add { service, name, dir } => keys::add(output, &at(dir)?, &service, &name),
        KeysCommand::Export {
            service,
            name,
            to,
            dir,
        } => keys::export(output, &at(dir)?, (&service, &name), &to),
        KeysCommand::Layout { dir } => keys::layout(output, &at(dir)?),
        KeysCommand::Trust { dir, to } => keys::trust(output, &dir, &to),
        KeysCommand::Rotate {
            what,
            name,
            overlap_days,
            dir,
        } => keys::rotate(output, &at(dir)?, (&what, &name), overlap_days),
        KeysCommand::Revoke { keyid, reason, dir } => {
            keys::revoke(output, &at(dir)?, keyid, &reason)
        }
    }
}
