//! `assay model hash`.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use assay_attest::{
    model_signing::folder::{Options, manifest},
    tensors::{digest, fingerprint, open},
};
use serde_json::json;

use crate::output::Output;

pub(super) fn run(
    output: Output,
    path: &Path,
    safe_hash: bool,
    tensor: Option<&str>,
) -> anyhow::Result<ExitCode> {
    if path.is_dir() {
        let found = manifest(path, &Options::default(), None)?;
        output.value(&json!({"files": found.resources.len(), "digest": found.digest()}))?;
        output.say(format!(
            "files   {}\ndigest  {}",
            found.resources.len(),
            found.digest()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let (file, weights) = open(path).with_context(|| path.display().to_string())?;
    if safe_hash {
        let hash = fingerprint(&file, &weights)?;
        output.value(&json!({"safe_hash": hash}))?;
        output.say(&hash);
        return Ok(ExitCode::SUCCESS);
    }
    let all = digest(&file, &weights)?;
    if let Some(name) = tensor {
        let proof = all
            .prove(name)
            .with_context(|| format!("{} has no tensor {name:?}", path.display()))?;
        output.value(&proof)?;
        output.say(serde_json::to_string_pretty(&proof)?);
        return Ok(ExitCode::SUCCESS);
    }
    let hash = fingerprint(&file, &weights)?;
    output.value(&json!({
        "safe_hash": hash, "tensor_digest": all.hex(), "tensors": all.leaves(), "bytes": weights.bytes(),
    }))?;
    output.say(format!(
        "tensors        {}, {} bytes\nsafe_hash      {hash}\ntensor digest  {}",
        all.leaves().len(),
        weights.bytes(),
        all.hex()
    ));
    Ok(ExitCode::SUCCESS)
}
