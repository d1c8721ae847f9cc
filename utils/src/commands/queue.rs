//! `assay queue`: how many jobs wait, and what could not be delivered.

use std::process::ExitCode;

use comfy_table::Cell;
use serde_json::Value;

use crate::{
    client::Client,
    output::{Output, shown},
};

pub(crate) async fn show(output: Output, client: Client) -> anyhow::Result<ExitCode> {
    let queue = client.get("/queue").await?;
    output.value(&queue)?;
    output.say(format!(
        "Queue {}: {}.",
        text(&queue["kind"]),
        text(&queue["state"])
    ));
    if let Some(overdue @ 1..) = queue["overdue"].as_u64() {
        output.say(format!(
            "{overdue} doorbells wait in the database until the queue takes them."
        ));
    }
    let waiting = queue["waiting"].as_array().into_iter().flatten();
    let rows: Vec<Vec<Cell>> = waiting
        .map(|one| {
            vec![
                Cell::new(text(&one["class"])),
                Cell::new(text(&one["priority"])),
                Cell::new(one["waiting"].as_u64().unwrap_or(0)),
            ]
        })
        .collect();
    output.table(&["class", "priority", "waiting"], rows);
    Ok(ExitCode::SUCCESS)
}

/// Lists what could not be delivered.
pub(crate) async fn dead(output: Output, client: Client) -> anyhow::Result<ExitCode> {
    let answer = client.get("/queue/dead").await?;
    output.value(&answer)?;
    let letters = answer["letters"].as_array().into_iter().flatten();
    let rows: Vec<Vec<Cell>> = letters
        .map(|letter| {
            vec![
                Cell::new(text(&letter["job_id"])),
                Cell::new(text(&letter["reason"])),
                Cell::new(text(&letter["queue"])),
                Cell::new(text(&letter["text"])),
            ]
        })
        .collect();
    if rows.is_empty() {
        output.say("There are no dead letters.");
    } else {
        output.table(&["job", "reason", "queue", "message"], rows);
        output.say(
            "`assay queue redrive` rings again for the jobs among them that still wait; with --drop the others go.",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Rings again for jobs whose doorbells could not be delivered.
pub(crate) async fn redrive(
    output: Output,
    client: Client,
    drop: bool,
) -> anyhow::Result<ExitCode> {
    let answer = client.post(&format!("/queue/redrive?drop={drop}")).await?;
    output.value(&answer)?;
    let count = |name: &str| answer[name].as_u64().unwrap_or(0);
    output.say(format!(
        "{} rang again, {} were not needed any more, {} were dropped, {} are still there.",
        count("rung"),
        count("not_needed"),
        count("dropped"),
        count("kept")
    ));
    if count("kept") > 0 && !drop {
        output.say("What is no doorbell stays; `assay queue redrive --drop` takes it away.");
    }
    Ok(ExitCode::SUCCESS)
}

fn text(value: &Value) -> String {
    shown(value.as_str().unwrap_or("-"))
}
