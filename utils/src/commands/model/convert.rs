//! `assay model convert`.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use anyhow::Context;
use assay_attest::{safetensors, tensors};
use serde_json::json;

use crate::output::Output;

pub(super) fn run(output: Output, from: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    let (file, weights) = tensors::open(from).with_context(|| from.display().to_string())?;
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::convert(&file, &weights, metadata, to)
        .with_context(|| format!("cannot write {}", to.display()))?;
    let count = weights.tensors.len();
    output.value(&json!({"tensors": count, "written": to}))?;
    output.say(format!(
        "{count} tensors are in {}; nothing was executed.",
        to.display()
    ));
    Ok(ExitCode::SUCCESS)
}
