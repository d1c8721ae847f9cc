//! A temporary folder that other accounts may pass through, since some servers run under an account of their own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tempfile::TempDir;

/// A folder for one server; removed with the value.
pub(crate) fn temporary(server: &str) -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("assay-{server}-"))
        .tempdir()
        .context("a temporary folder")?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))
        .context("a folder that others may pass through")?;
    Ok(folder)
}

/// Gives what lies here to this account.
pub(crate) fn give(path: &Path, user: &str) -> anyhow::Result<()> {
    let user = nix::unistd::User::from_name(user)
        .context("the list of accounts")?
        .with_context(|| format!("there is no account {user}"))?;
    nix::unistd::chown(path, Some(user.uid), Some(user.gid))
        .with_context(|| format!("giving {} to {}", path.display(), user.name))
}

/// The program of this name, as PATH and these folders know it.
pub(crate) fn program(name: &str, folders: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .with_context(|| {
            format!("{name} is not installed: run ./test once, it installs what is missing")
        })
}

/// The end of a server's log, for an error.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
