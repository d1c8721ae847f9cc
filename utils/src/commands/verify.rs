//! `assay verify`: a bundle against a pinned owner's key, with no network and no server.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use assay_attest::{Trust, verify::Report};
use assay_platform::ids::JobId;
use serde_json::json;

use crate::output::{Output, shown};

pub(crate) fn run(
    output: Output,
    dir: &Path,
    trust: Option<PathBuf>,
    job: Option<JobId>,
) -> anyhow::Result<ExitCode> {
    let (anchor, mut report) = bundle(dir, trust)?;
    if let Some(job) = job {
        report.expect_job(&job.to_string());
    }
    output.value(&json!({
        "verified": report.is_verified(), "trust": anchor, "job": report.job, "checks": report.checks,
    }))?;
    output.say(format!("trust anchor: {}", anchor.display()));
    output.report(&report);
    if report.is_verified() {
        let job = shown(report.job.as_deref().unwrap_or_default());
        output.say(format!(
            "{} is verified. It is the proof of the job {job}.",
            dir.display()
        ));
        Ok(ExitCode::SUCCESS)
    } else {
        output.say(format!(
            "{} is REFUSED: {} of {} checks did not pass.",
            dir.display(),
            report.not_passed().count(),
            report.checks.len()
        ));
        Ok(ExitCode::FAILURE)
    }
}

/// Verifies the bundle in `dir`; gives the anchor that was used and what was found.
pub(crate) fn bundle(dir: &Path, trust: Option<PathBuf>) -> anyhow::Result<(PathBuf, Report)> {
    let dir = dir
        .canonicalize()
        .with_context(|| format!("no bundle at {}", dir.display()))?;
    let beside = || dir.with_file_name("trust");
    let mut anchor = trust.unwrap_or_else(beside);
    if anchor.is_dir() {
        anchor.push("trust.json");
    }
    if anchor
        .canonicalize()
        .is_ok_and(|path| path.starts_with(&dir))
    {
        anyhow::bail!(
            "{} lies in the bundle itself; a trust anchor must come from elsewhere",
            anchor.display()
        );
    }
    let bytes = fs::read(&anchor).with_context(|| {
        format!(
            "no trust anchor at {}; name one with --trust (the platform's owner gives out trust.json)",
            anchor.display()
        )
    })?;
    let trust = Trust::from_json(&bytes)
        .with_context(|| format!("{} is not a trust anchor", anchor.display()))?;
    let report = assay_platform::bundle::verify_folder(&dir, &trust)?;
    Ok((anchor, report))
}
