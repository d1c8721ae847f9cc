//! `assay artifacts`: the files of a job.

use std::process::ExitCode;

use comfy_table::Cell;
use indicatif::DecimalBytes;

use crate::{
    client::Client,
    output::{Output, shown},
};

pub(crate) async fn run(output: Output, client: Client, job: String) -> anyhow::Result<ExitCode> {
    let job = client.job(&job).await?;
    let artifacts = &job["artifacts"];
    output.value(artifacts)?;
    let rows = artifacts.as_array().into_iter().flatten().map(|artifact| {
        let text = |key: &str| shown(artifact[key].as_str().unwrap_or_default());
        vec![
            Cell::new(text("path")),
            Cell::new(DecimalBytes(artifact["bytes"].as_u64().unwrap_or(0))),
            Cell::new(text("sha256")),
        ]
    });
    output.table(&["artifact", "size", "sha256"], rows.collect());
    Ok(ExitCode::SUCCESS)
}
