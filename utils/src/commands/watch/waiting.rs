//! Why a job that is queued does not begin, as far as the server can tell.

use std::{convert::Infallible, time::Duration};

use indicatif::ProgressBar;
use serde_json::Value;
use tokio::time::sleep;

use crate::{
    client::Client,
    output::{Output, shown},
};

/// A job that is queued for so long is asked about, and again after as long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says why the job waits, whenever it has waited for a while and the reason is a new one.
pub(super) async fn tell(
    output: Output,
    client: &Client,
    job: &str,
    bar: &ProgressBar,
) -> Infallible {
    let mut told = None;
    loop {
        sleep(PATIENCE).await;
        let reason = why(client, job).await;
        if let Some(line) = reason.as_ref().filter(|_| reason != told) {
            bar.suspend(|| output.say(format!("  {line}")));
        }
        told = reason;
    }
}

/// A sentence for people; `None` when it is not queued, or nothing is known.
async fn why(client: &Client, job: &str) -> Option<String> {
    let job = client.job(job).await.ok()?;
    if job["status"] != "queued" {
        return None;
    }
    if let Some(reason) = job["held"].as_str() {
        return Some(format!("the job is held: {}", shown(reason)));
    }
    let workers = client.get("/workers").await.ok()?;
    let class = job["class"].as_str().unwrap_or("cpu");
    Some(of_workers(workers["workers"].as_array()?, class))
}

/// What the workers for a class of jobs do.
fn of_workers(workers: &[Value], class: &str) -> String {
    let those = |state: &'static str| {
        workers
            .iter()
            .filter(move |worker| worker["class"] == class && worker["state"] == state)
    };
    if those("ready").next().is_some() {
        let slots: u64 = those("ready").filter_map(|one| one["slots"].as_u64()).sum();
        let running: usize = those("ready")
            .filter_map(|one| one["running"].as_array())
            .map(Vec::len)
            .sum();
        format!(
            "the job waits for its turn; {running} of {slots} places for {class} jobs are taken"
        )
    } else if those("draining").next().is_some() {
        format!(
            "every worker for {class} jobs is draining; `assay workers undrain NAME` lets one take jobs again"
        )
    } else {
        format!("there is no worker for {class} jobs; `assay worker` starts one")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_who_is_missing() {
        let worker = |class: &str, state: &str| json!({"class": class, "state": state, "slots": 2, "running": ["a"]});
        let gpu = worker("gpu", "ready");
        let text = of_workers(&[gpu.clone(), worker("cpu", "silent")], "cpu");
        assert!(text.contains("no worker for cpu"), "{text}");
        let text = of_workers(&[gpu.clone(), worker("cpu", "draining")], "cpu");
        assert!(text.contains("undrain"), "{text}");
        let text = of_workers(&[gpu, worker("cpu", "ready")], "cpu");
        assert!(text.contains("1 of 2 places"), "{text}");
    }
}
