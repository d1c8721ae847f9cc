//! `assay witness`: has a completed job trained again by another worker, and watches that if wished.

use std::process::ExitCode;

use anyhow::Context;
use assay_platform::job::Status;

use super::watch::watch;
use crate::{
    client::{Client, segment},
    output::Output,
};

pub(crate) async fn run(
    output: Output,
    client: Client,
    job: String,
    wait: bool,
) -> anyhow::Result<ExitCode> {
    let path = format!("/jobs/{}/reproduce", segment(&job));
    let accepted = client.post(&path).await?;
    let again = accepted["job_id"]
        .as_str()
        .context("the server's answer names no job")?;
    output.value(&accepted)?;
    let state = if accepted["new"] == true {
        "is queued"
    } else {
        "is under way already"
    };
    output.say(format!("Job {again}, which trains {job} again, {state}."));
    if !wait {
        output.say(format!("Watch it with: assay logs -f {again}"));
        return Ok(ExitCode::SUCCESS);
    }
    let end = watch(output, &client, again).await?;
    if end.status != Status::Completed {
        return Ok(end.report(output, again));
    }
    output.say(format!(
        "The same came out, and the worker signed as a witness. Fetch the bundle with its link: assay get {job} DIR"
    ));
    Ok(ExitCode::SUCCESS)
}
