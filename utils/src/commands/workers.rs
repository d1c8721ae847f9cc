//! `assay workers`: who is there to run jobs, and whether they take more.

use std::process::ExitCode;

use comfy_table::Cell;
use serde_json::Value;

use crate::{
    client::{Client, segment},
    output::{Output, shown},
};

pub(crate) async fn list(output: Output, client: Client) -> anyhow::Result<ExitCode> {
    let answer = client.get("/workers").await?;
    output.value(&answer)?;
    let rows: Vec<Vec<Cell>> = answer["workers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(row)
        .collect();
    if rows.is_empty() {
        output.say("No worker was heard of. `assay worker` starts one; `assay up` has one in it.");
    } else {
        output.table(
            &[
                "worker",
                "state",
                "class",
                "running",
                "slots",
                "version",
                "image",
                "last heard of",
            ],
            rows,
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells a worker to take no new jobs, or to take jobs again.
pub(crate) async fn drain(
    output: Output,
    client: Client,
    name: String,
    draining: bool,
) -> anyhow::Result<ExitCode> {
    let verb = if draining { "drain" } else { "undrain" };
    let answer = client
        .post(&format!("/workers/{}/{verb}", segment(&name)))
        .await?;
    output.value(&answer)?;
    output.say(if draining {
        format!(
            "{} is told to take no new jobs; it hears within some seconds. Those that it runs go on.",
            shown(&name)
        )
    } else {
        format!("{} takes jobs again.", shown(&name))
    });
    Ok(ExitCode::SUCCESS)
}

/// The image that it trains in, with the beginning of its digest; `-` without containers.
fn image(worker: &Value) -> String {
    let Some(name) = worker["image"].as_str() else {
        return "-".to_owned();
    };
    let digest = worker["image_digest"].as_str().unwrap_or("unknown");
    let digest: String = digest.chars().take(12).collect();
    shown(&format!("{name} ({digest})"))
}

fn row(worker: &Value) -> Vec<Cell> {
    let text = |value: &Value| Cell::new(shown(value.as_str().unwrap_or("-")));
    vec![
        text(&worker["name"]),
        text(&worker["state"]),
        text(&worker["class"]),
        Cell::new(worker["running"].as_array().map_or(0, Vec::len)),
        Cell::new(worker["slots"].as_u64().unwrap_or(0)),
        text(&worker["version"]),
        Cell::new(image(worker)),
        text(&worker["seen_at"]),
    ]
}
