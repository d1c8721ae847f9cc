//! `assay model`: models on this machine, without a server.

mod convert;
mod hash;
mod keys;
mod meta;
mod report;
pub(crate) mod sign;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};

use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Say what a model is: safemodels' hash and the tensor digest of weights, the digest of a folder's files.
    Hash {
        /// A `.safetensors` file, `PyTorch` weights (`.bin`, `.pt`), or a folder.
        path: PathBuf,
        /// Only safemodels' hash.
        #[arg(long, conflicts_with = "tensor")]
        safe_hash: bool,
        /// Print the proof that this tensor is part of the digest, for `model verify --tensor`.
        #[arg(long, value_name = "NAME")]
        tensor: Option<String>,
    },
    /// Sign a model: into a signature file of its own (--signature), or a lone `.safetensors` inside itself.
    Sign(Sign),
    /// Verify a model's signature: a table of checks, exit code 1 when one fails.
    Verify(Verify),
    /// Show the metadata of a `.safetensors` file, or change them; a signature is made anew or taken away with it.
    Meta(Meta),
    /// Write `PyTorch` weights as `.safetensors`; nothing in the file is executed.
    Convert {
        /// The weights (`.bin`, `.pt`).
        from: PathBuf,
        /// The file to write; must not be there yet.
        to: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// A folder or a file.
    path: PathBuf,
    /// The private key: P-256, PKCS #8 in PEM.
    #[arg(long)]
    key: PathBuf,
    /// Where to write the signature (OpenSSF Model Signing v1); without it, the file is signed inside.
    #[arg(long)]
    signature: Option<PathBuf>,
    /// The key's certificate and those above it, in PEM: whoever trusts the root then sees who signed.
    #[arg(long)]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    files: Files,
    /// A file of digests already known; files that have not changed since are not read again. It is made when absent.
    #[arg(long, requires = "signature")]
    digest_cache: Option<PathBuf>,
    #[command(flatten)]
    claims: ClaimsOptions,
}

/// What is said inside a signed `.safetensors` file.
#[derive(Debug, Args)]
struct ClaimsOptions {
    /// The model's name.
    #[arg(long, conflicts_with = "signature")]
    name: Option<String>,
    /// The model's version.
    #[arg(long, conflicts_with = "signature")]
    model_version: Option<String>,
    /// Who signs. It counts only where a certificate says the same.
    #[arg(long, conflicts_with = "signature")]
    identity: Option<String>,
    /// Who vouches for the identity. It counts only where a certificate says the same.
    #[arg(long, conflicts_with = "signature")]
    issuer: Option<String>,
    /// Write safemodels' hash into the metadata, too (`hash`); it takes longer than the signature.
    #[arg(long, conflicts_with = "signature")]
    with_safe_hash: bool,
}

/// Which files of a folder count.
#[derive(Debug, Args)]
struct Files {
    /// Leave out a path, and everything below it; may be repeated. What is left out may be changed by anyone.
    #[arg(long, value_name = "PATH")]
    ignore: Vec<PathBuf>,
    /// Follow symbolic links to files, and leave out those to folders, instead of refusing them.
    #[arg(long)]
    allow_symlinks: bool,
    /// Take `.git`, `.github`, `.gitignore` and `.gitattributes` for a part of the model.
    #[arg(long)]
    with_git_paths: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The model, as it was signed.
    path: PathBuf,
    /// The signer's public key, in PEM.
    #[arg(long, required_unless_present = "root", conflicts_with = "root")]
    key: Option<PathBuf>,
    /// Certificates in PEM, one of which must vouch for the signer's.
    #[arg(long)]
    root: Option<PathBuf>,
    /// The signature's file; without it, the signature is looked for in the `.safetensors` file.
    #[arg(long)]
    signature: Option<PathBuf>,
    /// The one who must have signed, as the certificate names it.
    #[arg(long)]
    identity: Option<String>,
    /// The one who must have vouched for the signer.
    #[arg(long)]
    issuer: Option<String>,
    #[command(flatten)]
    files: Files,
    /// Verify one tensor only, by the proof that `model hash --tensor` printed; the others are not read.
    #[arg(long, value_name = "PROOF", conflicts_with = "signature")]
    tensor: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Meta {
    /// A `.safetensors` file.
    path: PathBuf,
    /// Set a value; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = crate::cli::key_value)]
    set: Vec<(String, String)>,
    /// Remove a value; may be repeated.
    #[arg(long, value_name = "KEY")]
    remove: Vec<String>,
    /// The private key that signed the file: the signature is made anew, without reading a tensor.
    #[arg(long, conflicts_with = "drop_signature")]
    key: Option<PathBuf>,
    /// Take the signature away.
    #[arg(long)]
    drop_signature: bool,
    /// Finish a change that was broken off.
    #[arg(long)]
    recover: bool,
}

pub(crate) fn run(output: Output, command: ModelCommand) -> anyhow::Result<ExitCode> {
    match command {
        ModelCommand::Hash {
            path,
            safe_hash,
            tensor,
        } => hash::run(output, &path, safe_hash, tensor.as_deref()),
        ModelCommand::Sign(sign) => sign::run(output, &sign),
        ModelCommand::Verify(verify) => verify::run(output, &verify),
        ModelCommand::Meta(meta) => meta::run(output, &meta),
        ModelCommand::Convert { from, to } => convert::run(output, &from, &to),
    }
}
