//! `assay up`, `assay api`, `assay worker`: what they share.

use std::{path::PathBuf, process::ExitCode};

use assay_platform::{Config, Service, config, memory, telemetry};
use clap::Args;
use serde_json::json;

use super::server::{Server, block_on};
use crate::output::Output;

/// Where a service's configuration comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Folder that keeps keys, rooms and the embedded parts' data [default: assay-data]; each process has its own.
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Configuration file (TOML); `assay up --print-config` shows every key and its default.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8000 for the API, none for health and metrics of the others].
    #[arg(long)]
    pub(crate) listen: Option<String>,
}

impl Options {
    /// Reads every layer of the configuration for this service.
    pub(crate) fn load(self, service: Service) -> anyhow::Result<Config> {
        let mut overrides = Vec::new();
        if let Some(dir) = self.dir {
            overrides.push(("dir", dir.display().to_string()));
        }
        if let Some(listen) = self.listen {
            let name = if service.serves() {
                "listen"
            } else {
                "status.listen"
            };
            overrides.push((name, listen));
        }
        Ok(Config::load_for(service, self.config, &overrides)?)
    }
}

/// Prints the configuration manual.
pub(crate) fn print_config(output: Output) -> ExitCode {
    output.say(config::DEFAULT.trim_end());
    ExitCode::SUCCESS
}

/// Runs a service until somebody stops it.
pub(crate) fn run(output: Output, service: Service, options: Options) -> anyhow::Result<ExitCode> {
    let config = options.load(service)?;
    memory::take_small_pages();
    block_on(async {
        telemetry::init_logs(&config.log, service)?;
        let dir = config.dir.clone();
        let server = Server::start_for(config, service).await?;
        let url = server.url();
        output.value(&json!({ "service": service.as_str(), "url": url, "dir": dir }))?;
        output.say(greeting(
            service,
            url.as_deref(),
            &dir.display().to_string(),
        ));
        server.wait().await?;
        output.say("Stopped.");
        Ok(ExitCode::SUCCESS)
    })
}

fn greeting(service: Service, url: Option<&str>, dir: &str) -> String {
    match (service, url) {
        (Service::All, Some(url)) => format!(
            "Assay listens on {url} and keeps its data in {dir}.\n\
             API documentation: {url}/docs    Stop it with Ctrl-C."
        ),
        (Service::Api, Some(url)) => format!(
            "Assay listens on {url}.\n\
             API documentation: {url}/docs    Stop it with Ctrl-C."
        ),
        (_, Some(url)) => {
            format!("assay {service} runs; health and metrics: {url}/health, {url}/metrics.")
        }
        (_, None) => format!("assay {service} runs."),
    }
}
