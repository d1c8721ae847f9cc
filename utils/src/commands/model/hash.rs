//! `assay model hash`.

use std::{fs::File, io::Read as _, path::Path, process::ExitCode};

use anyhow::Context;
use assay_attest::{
    model_signing::folder::{DigestCache, Options, manifest},
    pickle,
    safetensors::file::open,
    tensors::{Weights, digest, fingerprint},
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
        let found = manifest(path, &Options::default(), &mut DigestCache::default())?;
        output.value(&json!({"files": found.resources.len(), "digest": found.digest()}))?;
        output.say(format!(
            "files   {}\ndigest  {}",
            found.resources.len(),
            found.digest()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let (file, weights) = weights(path)?;
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

/// Opens weights, in whichever form they are.
pub(super) fn weights(path: &Path) -> anyhow::Result<(File, Weights)> {
    let named = || path.display().to_string();
    let mut file = File::open(path).with_context(named)?;
    let mut head = [0; 2];
    let count = file.read(&mut head).with_context(named)?;
    // A zip archive or a pickle of protocol 2; a safetensors file begins with a length.
    if matches!(head.get(..count), Some([b'P', b'K'] | [0x80, 2])) {
        let weights = pickle::read(&file).with_context(named)?;
        return Ok((file, weights));
    }
    let (file, header) = open(path).with_context(named)?;
    Ok((file, header.weights))
}
