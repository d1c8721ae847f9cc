//! `assay reproduce`: trains again what a bundle proves, in this machine's own sandbox, and compares as it goes.
//!
//! [`proof`] takes from the verified link what has to be trained and what must come out; [`room`] puts the inputs of the
//! bundle into a room; [`train`] runs the trainer there while [`compare`] holds the digest of each epoch's weights against
//! the transcript; [`judge`] looks at the end, with [`weights`] for numbers where bytes cannot be equal; [`verdict`] says what
//! came of it, and [`witness`] signs it.

mod compare;
mod judge;
mod proof;
mod room;
mod segment;
mod train;
mod verdict;
mod weights;
mod witness;

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::{server::block_on, verify};
use crate::{cli::Reproduce, output::Output};
use proof::Proof;
pub(crate) use segment::Segment;

pub(crate) fn run(output: Output, options: Reproduce) -> anyhow::Result<ExitCode> {
    let dir = options
        .dir
        .canonicalize()
        .with_context(|| format!("no bundle at {}", options.dir.display()))?;
    let (_, bundle) = verify::examine(&dir, options.trust)?;
    if !bundle.report.is_verified() {
        output.report_in_short(&bundle.report);
        output.say(format!(
            "{} is REFUSED, so nothing was trained.",
            dir.display()
        ));
        output.value(&json!({
            "reproduced": "refused", "verified": false, "checks": bundle.report.checks,
        }))?;
        return Ok(ExitCode::FAILURE);
    }
    output.say(format!(
        "{} is verified, {} checks.",
        dir.display(),
        bundle.report.checks.len()
    ));
    let link = bundle.training.context("a verified bundle has a link")?;
    let proof = Proof::of(&link)?;
    let key = options.witness.as_deref().map(witness::key).transpose()?;
    let verdict = block_on(train::again(output, &dir, &proof, options.epochs))?;
    verdict.say(output);
    if let Some(key) = key {
        let name = witness::write(&key, &link, &verdict)?;
        output.say(format!("Signed as a witness: {name}"));
    }
    output.value(&verdict)?;
    Ok(if verdict.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
