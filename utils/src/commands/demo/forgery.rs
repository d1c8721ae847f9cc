//! The forgery: a copy of a bundle with one byte of the model flipped.

use std::{fs, path::Path};

use anyhow::Context;
use serde_json::json;

use crate::{commands::verify, output::Output};

/// Forges a copy of `bundle` and shows that verification refuses it; `true` when it does.
pub(super) fn show(output: Output, bundle: &Path, dir: &Path) -> anyhow::Result<bool> {
    let forged = dir.join("forged");
    copy(bundle, &forged)?;
    let model =
        find(&forged, "trained_model.keras")?.context("the bundle has no trained_model.keras")?;
    let mut bytes = fs::read(&model)?;
    let middle = bytes.len() / 2;
    let byte = bytes
        .get_mut(middle)
        .context("trained_model.keras is empty")?;
    *byte ^= 1;
    fs::write(&model, bytes)?;
    output.say(format!(
        "\nforgery: one bit of byte {middle} of trained_model.keras is flipped in a copy"
    ));
    let (_, report) = verify::bundle(&forged, None)?;
    output.value(&json!({ "forged": forged, "report": report }))?;
    output.report_in_short(&report);
    if !report.is_verified() {
        output.say("  the forgery is refused.");
    }
    Ok(!report.is_verified())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

fn find(dir: &Path, name: &str) -> anyhow::Result<Option<std::path::PathBuf>> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if let Some(found) = find(&entry.path(), name)? {
                return Ok(Some(found));
            }
        } else if entry.file_name() == name {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}
