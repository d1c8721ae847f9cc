//! `assay intoto verify`: what `in-toto-verify` does, without running anything.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use assay_attest::VerificationKey;
use assay_platform::supply_chain::{self, SupplyChainError};
use serde_json::json;

use crate::output::Output;

pub(crate) fn run(
    output: Output,
    layout: &Path,
    keys: &[PathBuf],
    links: &Path,
    product: &Path,
) -> anyhow::Result<ExitCode> {
    let owners = keys
        .iter()
        .map(|path| public_key(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    match supply_chain::verify(layout, links, &owners, product) {
        Ok(summary) => {
            output.value(&json!({
                "verified": true, "materials": summary.materials, "products": summary.products,
            }))?;
            output.say(format!(
                "{} is verified: {} materials led to {} products.",
                layout.display(),
                summary.materials.len(),
                summary.products.len()
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(SupplyChainError::Refused(reason)) => {
            output.value(&json!({ "verified": false, "reason": reason.to_string() }))?;
            output.say(format!("{} is REFUSED: {reason}", layout.display()));
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

fn public_key(path: &Path) -> anyhow::Result<VerificationKey> {
    let pem =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    VerificationKey::from_pem(&pem).with_context(|| path.display().to_string())
}
