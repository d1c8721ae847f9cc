//! `assay status`: where a job stands, or the newest jobs.

use std::process::ExitCode;

use comfy_table::Cell;
use serde_json::Value;

use crate::{
    client::Client,
    output::{Output, shown},
};

pub(crate) async fn run(
    output: Output,
    client: Client,
    job: Option<String>,
) -> anyhow::Result<ExitCode> {
    match job {
        Some(job) => one(output, client.job(&job).await?),
        None => list(output, client.get("/jobs").await?),
    }
}

fn one(output: Output, job: Value) -> anyhow::Result<ExitCode> {
    output.value(&job)?;
    let text = |value: &Value| shown(value.as_str().unwrap_or("-"));
    output.say(format!(
        "Job {} is {}.",
        text(&job["job_id"]),
        text(&job["status"])
    ));
    if job["status"] == "queued" {
        output.say(format!(
            "  priority {}, for {} workers",
            text(&job["priority"]),
            text(&job["class"])
        ));
        if let Some(reason) = job["held"].as_str() {
            output.say(format!("  held: {}", shown(reason)));
        }
        if let Some(moment) = job["not_before"].as_str() {
            output.say(format!("  not before {}", shown(moment)));
        }
    }
    if let Some(epoch) = job["progress"]["epoch"].as_u64() {
        output.say(format!("  epoch {epoch} of {}", job["progress"]["of"]));
    }
    if let Some(epoch) = job["resumed_from"].as_u64() {
        output.say(format!(
            "  attempt {} went on from a checkpoint after epoch {epoch}",
            job["attempt"]
        ));
    }
    if let Some(epoch) = job["checkpoint"]["epoch"].as_u64() {
        output.say(format!("  the newest checkpoint is after epoch {epoch}"));
    }
    for (key, value) in job["progress"]["metrics"].as_object().into_iter().flatten() {
        output.say(format!("  {}: {value}", shown(key)));
    }
    show_image(output, &job["image_scan"]);
    show_reproductions(output, &job);
    if let Some(message) = job["failure"]["message"].as_str() {
        output.say(format!(
            "  {} ({})",
            shown(message),
            text(&job["failure"]["code"])
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the job reproduces, and who trains or trained it again.
fn show_reproductions(output: Output, job: &Value) {
    if let Some(of) = job["reproduces"].as_str() {
        output.say(format!("  reproduces {}", shown(of)));
    }
    for one in job["reproductions"].as_array().into_iter().flatten() {
        let text = |key: &str| shown(one[key].as_str().unwrap_or("-"));
        output.say(format!(
            "  trained again by {}: {}, verdict {} (job {})",
            text("worker"),
            text("status"),
            text("verdict"),
            text("job_id")
        ));
    }
}

/// What is known of the image that the job trains in, if it does in one.
fn show_image(output: Output, image: &Value) {
    let Some(name) = image["image"].as_str() else {
        return;
    };
    let found = &image["found"];
    let Some(at) = found["scanned_at"].as_str() else {
        let why = image["unknown"].as_str().unwrap_or("-");
        return output.say(format!("  image {}: unknown: {}", shown(name), shown(why)));
    };
    let counts = &found["counts"];
    let stale = if found["database_stale"] == true {
        ", with a stale database"
    } else {
        ""
    };
    output.say(format!(
        "  image {}: {} critical, {} high, {} medium, {} low, {} unrated vulnerabilities (scanned {}{stale})",
        shown(name),
        counts["critical"],
        counts["high"],
        counts["medium"],
        counts["low"],
        counts["unknown"],
        shown(at)
    ));
}

fn list(output: Output, page: Value) -> anyhow::Result<ExitCode> {
    output.value(&page)?;
    let rows: Vec<Vec<Cell>> = page["jobs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|job| {
            let text = |value: &Value| shown(value.as_str().unwrap_or("-"));
            vec![
                Cell::new(text(&job["job_id"])),
                Cell::new(text(&job["status"])),
                Cell::new(text(&job["request"]["metadata"]["model_name"])),
                Cell::new(text(&job["submitted_at"])),
            ]
        })
        .collect();
    if rows.is_empty() {
        output.say("No jobs yet. Hand one in with `assay submit`, or try `assay sample`.");
    } else {
        output.table(&["job", "status", "model", "submitted"], rows);
    }
    Ok(ExitCode::SUCCESS)
}
