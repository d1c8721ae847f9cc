use std::path::Path;

use serde_json::Value;

use crate::{
    deployment::{Deployment, text},
    load::{Client, Expected},
};

/// What became of the jobs.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) completed: usize,
    pub(crate) failed: usize,
    /// Jobs whose submission had no answer, and which the platform has nevertheless.
    pub(crate) beside: usize,
    /// Attempts over all jobs.
    pub(crate) attempts: u64,
    /// Everything that is not as it must be.
    pub(crate) wrong: Vec<String>,
}

/// Looks at every job.
pub(crate) async fn jobs(client: &Client, on: &Deployment) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let listed = client.jobs("").await?;
    for job in &listed {
        let id = job["job_id"].as_str().unwrap_or_default();
        if !client.accepted.contains_key(id) {
            outcome.beside += 1;
            // Its name tells what was handed in.
            let diverging = job["request"]["metadata"]["model_name"] == "diverging";
            let expected = match diverging {
                true => Expected::Failed("training.diverged"),
                false => Expected::Completed,
            };
            one(client, on, id, expected, &mut outcome).await;
        }
    }
    for (id, expected) in &client.accepted {
        one(client, on, id, *expected, &mut outcome).await;
    }
    Ok(outcome)
}

async fn one(client: &Client, on: &Deployment, id: &str, expected: Expected, to: &mut Outcome) {
    match look(client, on, id, expected, to).await {
        Ok(faults) => to
            .wrong
            .extend(faults.into_iter().map(|fault| format!("{id}: {fault}"))),
        Err(error) => to.wrong.push(format!("{id}: {error:#}")),
    }
}

async fn look(
    client: &Client,
    on: &Deployment,
    id: &str,
    expected: Expected,
    to: &mut Outcome,
) -> anyhow::Result<Vec<String>> {
    let job = client.get(&format!("/jobs/{id}")).await?;
    to.attempts += job["attempt"].as_u64().unwrap_or(0);
    let status = job["status"].as_str().unwrap_or("unknown");
    let mut wrong = Vec::new();
    let ends = ends(
        &client
            .text(&format!("/jobs/{id}/events?follow=false"))
            .await?,
    );
    if ends.len() != 1 || ends.first().is_none_or(|end| end != status) {
        wrong.push(format!(
            "is {status}, and its events say that it ended as {ends:?}"
        ));
    }
    match (expected, status) {
        (Expected::Completed, "completed") => {
            to.completed += 1;
            wrong.extend(proof(on, &job, id)?);
        }
        (Expected::Failed(code), "failed") if job["failure"]["code"] == code => to.failed += 1,
        _ => wrong.push(format!(
            "{expected:?} was expected, but it is {status}: {}",
            job["failure"]
        )),
    }
    Ok(wrong)
}

/// The ends that a job's events tell of.
fn ends(events: &str) -> Vec<String> {
    events
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|entry| entry["event"]["status"].as_str().map(str::to_owned))
        .filter(|status| matches!(status.as_str(), "completed" | "failed" | "cancelled"))
        .collect()
}

/// One proof, which verifies offline.
fn proof(on: &Deployment, job: &Value, id: &str) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let artifacts = job["artifacts"].as_array().cloned().unwrap_or_default();
    for role in [
        "layout",
        "ingest_link",
        "training_link",
        "aibom",
        "aibom_signature",
        "statements",
        "model_signature",
    ] {
        let count = artifacts.iter().filter(|one| one["role"] == role).count();
        if count != 1 {
            wrong.push(format!("has {count} artifacts of the role {role}"));
        }
    }
    let bundle = on.folder.join("bundles").join(id);
    let trust = on.folder.join("secrets/trust.json");
    let fetched = on
        .run(&["--server", &on.url, "get", id, text(&bundle)?])
        .and_then(|_| on.run(&["verify", text(&bundle)?, "--trust", text(&trust)?]));
    match fetched {
        Err(error) => wrong.push(format!("{error:#}")),
        // Kept only where something is wrong.
        Ok(_) => std::fs::remove_dir_all(&bundle)?,
    }
    Ok(wrong)
}

/// Words in the reason of an attempt that counted as lost which say that the job had no part in it.
const OUTAGES: [&str; 3] = ["store http", "No space left", "keep_free_bytes"];

/// Attempts that counted as lost because of an outage, by what a worker's log says.
pub(crate) fn outages_that_counted(log: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(log)?;
    let counted = |line: &&str| {
        line.contains("the attempt broke down") && OUTAGES.iter().any(|word| line.contains(word))
    };
    let lines = text.lines().filter(counted);
    Ok(lines
        .map(|line| format!("an outage cost an attempt: {line}"))
        .collect())
}

/// What lies in a worker's rooms.
pub(crate) fn rooms(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| format!("a room is left: {}", entry.path().display()))
        .collect()
}
