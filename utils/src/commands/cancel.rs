//! `assay cancel`: stops a job.

use std::process::ExitCode;

use crate::{
    client::{Client, segment},
    output::Output,
};

pub(crate) async fn run(output: Output, client: Client, job: String) -> anyhow::Result<ExitCode> {
    let answer = client.delete(&format!("/jobs/{}", segment(&job))).await?;
    output.value(&answer)?;
    match answer["status"].as_str() {
        Some("cancelled") => output.say(format!("Job {job} is cancelled.")),
        _ => output.say(format!("Job {job} is being stopped.")),
    }
    Ok(ExitCode::SUCCESS)
}
