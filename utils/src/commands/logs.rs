//! `assay logs`: what a job printed, and what happens to it.

use std::process::ExitCode;

use assay_platform::job::{JobEvent, Status};
use assay_protocol::{Event, LogLevel};

use crate::{
    client::Client,
    output::{Output, shown},
};

pub(crate) async fn run(
    output: Output,
    client: Client,
    job: String,
    follow: bool,
) -> anyhow::Result<ExitCode> {
    let mut stream = client.events(&job, follow).await?;
    let mut status = Status::Queued;
    while let Some(said) = stream.next().await? {
        output.value(&said.entry)?;
        if let JobEvent::Status { status: new } = &said.event {
            status = *new;
        }
        if let Some(line) = line(&said.event) {
            output.say(line);
        }
    }
    Ok(match status {
        Status::Completed => ExitCode::SUCCESS,
        // Who only looks has asked nothing about the end.
        _ if !follow => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn line(event: &JobEvent) -> Option<String> {
    Some(match event {
        JobEvent::Status { status } => format!("[{}]", status.as_str()),
        JobEvent::CancelRequested => "somebody asked to stop the job".to_owned(),
        JobEvent::Trainer { event } => match event {
            Event::Started { trainer, .. } => format!(
                "{} {} on candle {} ({}, {} threads)",
                trainer.name, trainer.version, trainer.candle, trainer.arithmetic, trainer.threads
            ),
            Event::Epoch(report) => {
                let metrics: Vec<String> = report
                    .metrics
                    .iter()
                    .map(|(name, value)| format!("{}: {value:.6}", shown(name)))
                    .collect();
                format!(
                    "epoch {}/{} - {:.3} s - {}",
                    report.epoch,
                    report.of,
                    report.seconds,
                    metrics.join(" - ")
                )
            }
            Event::Log {
                level: LogLevel::Info,
                message,
            } => shown(message),
            Event::Log {
                level: LogLevel::Warning,
                message,
            } => format!("warning: {}", shown(message)),
            Event::Failed(fault) => format!("failed: {}", shown(&fault.message)),
            Event::Done {
                training_seconds, ..
            } => format!("trained in {training_seconds:.3} s"),
            Event::Resumed { epoch } => format!("goes on from the checkpoint after epoch {epoch}"),
            Event::Checkpoint { epoch, bytes } => {
                format!("checkpoint after epoch {epoch} kept ({bytes} bytes)")
            }
            Event::Checked { .. } => return None,
        },
    })
}
