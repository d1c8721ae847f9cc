//! Watching a job until it ends: a bar on a terminal, a line now and then elsewhere.

mod waiting;

use std::{process::ExitCode, time::Duration};

use assay_platform::job::{JobEvent, Status};
use assay_protocol::{EpochReport, Event, LogLevel};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    client::Client,
    output::{Output, on_terminal, shown},
};

/// How a job ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// Its last status.
    pub(crate) status: Status,
    /// Why it failed, for people.
    pub(crate) reason: Option<String>,
}

impl End {
    /// Tells the end; the exit code is 0 only for a completed job.
    pub(crate) fn report(&self, output: Output, job: &str) -> ExitCode {
        match self.status {
            Status::Completed => {
                output.say(format!(
                    "Completed. Fetch the bundle with: assay get {job} DIR"
                ));
                ExitCode::SUCCESS
            }
            status => {
                let reason = self.reason.as_deref().unwrap_or("no reason was recorded");
                match status {
                    Status::Failed => output.say(format!("Failed: {}", shown(reason))),
                    other => output.say(format!("The job is {}.", other.as_str())),
                }
                ExitCode::FAILURE
            }
        }
    }
}

/// Shows a job's epochs until it ends.
pub(crate) async fn watch(output: Output, client: &Client, job: &str) -> anyhow::Result<End> {
    let bar = epoch_bar(output);
    tokio::select! {
        end = follow(output, client, job, &bar) => end,
        never = waiting::tell(output, client, job, &bar) => match never {},
    }
}

async fn follow(
    output: Output,
    client: &Client,
    job: &str,
    bar: &ProgressBar,
) -> anyhow::Result<End> {
    let mut stream = client.events(job, true).await?;
    let mut status = Status::Queued;
    loop {
        let said = tokio::select! {
            said = stream.next() => said?,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                bar.abandon();
                anyhow::bail!(
                    "the job goes on; watch it with `assay logs -f {job}`, stop it with `assay cancel {job}`"
                );
            }
        };
        let Some(said) = said else { break };
        output.value(&said.entry)?;
        match said.event {
            JobEvent::Status { status: new } => status = new,
            JobEvent::CancelRequested => {}
            JobEvent::Trainer { event } => show(output, bar, &event),
        }
    }
    bar.finish();
    let reason = if status == Status::Failed {
        let job = client.job(job).await?;
        job["failure"]["message"].as_str().map(str::to_owned)
    } else {
        None
    };
    Ok(End { status, reason })
}

fn show(output: Output, bar: &ProgressBar, event: &Event) {
    match event {
        Event::Started { model, data, .. } => {
            let line = format!(
                "  {} layers, {} weights; {} rows to train on, {} to validate on",
                model.layers.len(),
                model.trainable_parameters + model.non_trainable_parameters,
                data.training_rows,
                data.validation_rows
            );
            bar.suspend(|| output.say(line));
        }
        Event::Epoch(report) => {
            bar.set_length(u64::from(report.of));
            bar.set_position(u64::from(report.epoch));
            bar.set_message(measures(report));
            if !on_terminal() && worth_a_line(report) {
                output.say(format!(
                    "  epoch {}/{}  {}",
                    report.epoch,
                    report.of,
                    measures(report)
                ));
            }
        }
        Event::Resumed { epoch } => bar.suspend(|| {
            output.say(format!("  goes on from the checkpoint after epoch {epoch}"));
        }),
        Event::Log {
            level: LogLevel::Warning,
            message,
        } => bar.suspend(|| output.say(format!("  warning: {}", shown(message)))),
        _ => {}
    }
}

/// Without a terminal about ten epochs get a line, the first and the last among them.
fn worth_a_line(report: &EpochReport) -> bool {
    let step = (report.of / 10).max(1);
    report.epoch == 1 || report.epoch == report.of || report.epoch.is_multiple_of(step)
}

fn measures(report: &EpochReport) -> String {
    let mut parts: Vec<String> = report
        .metrics
        .iter()
        .map(|(name, value)| format!("{} {value:.4}", shown(name)))
        .collect();
    // `loss` before `accuracy` before the validation's twins: as people read them.
    parts.sort_by_key(|part| (part.starts_with("val_"), !part.contains("loss")));
    parts.join("  ")
}

fn epoch_bar(output: Output) -> ProgressBar {
    if output.is_json() || !on_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("  {spinner} epoch {pos}/{len} {bar:16.cyan} {wide_msg}");
    let bar = ProgressBar::new(1).with_message("waiting for the first epoch");
    bar.enable_steady_tick(Duration::from_millis(120));
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
