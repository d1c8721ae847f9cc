//! `assay sample`: a real data set, ready to hand in.

use std::{path::Path, process::ExitCode};

use serde_json::json;

use crate::{
    output::Output,
    sample::{METADATA, Sample},
};

pub(crate) fn run(output: Output, sample: Sample, dir: &Path) -> anyhow::Result<ExitCode> {
    let files = sample.write(dir)?;
    let (dataset, _) = &files.dataset;
    output.value(&json!({
        "model": dir.join("model.keras"),
        "dataset": dir.join(dataset),
        "definition": dir.join("definition.yaml"),
        "metadata": dir.join(METADATA),
    }))?;
    let parameters: String = files
        .parameters
        .iter()
        .map(|(key, value)| format!(" --param {key}={value}"))
        .collect();
    let at = dir.display();
    output.say(format!(
        "Wrote model.keras, {dataset}, definition.yaml and {METADATA} to {at}. Hand them in with:\n\n  \
         assay submit --model {at}/model.keras --dataset {at}/{dataset} \
         --definition {at}/definition.yaml \
         --metadata {at}/{METADATA}{parameters} --wait"
    ));
    Ok(ExitCode::SUCCESS)
}
