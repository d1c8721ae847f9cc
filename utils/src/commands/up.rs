//! `assay up`: the server alone.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use assay_platform::{Config, config, telemetry};
use serde_json::json;

use super::server::{Server, block_on};
use crate::output::Output;

pub(crate) fn run(
    output: Output,
    dir: Option<PathBuf>,
    listen: Option<SocketAddr>,
    file: Option<PathBuf>,
    print_config: bool,
) -> anyhow::Result<ExitCode> {
    if print_config {
        output.say(config::DEFAULT.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let mut overrides = Vec::new();
    if let Some(dir) = dir {
        overrides.push(("dir", dir.display().to_string()));
    }
    if let Some(listen) = listen {
        overrides.push(("listen", listen.to_string()));
    }
    let config = Config::load(file, &overrides)?;
    telemetry::init_logs(&config.log)?;
    block_on(async {
        let dir = config.dir.clone();
        let server = Server::start(config).await?;
        let url = server.url();
        output.value(&json!({ "url": url, "dir": dir }))?;
        output.say(format!(
            "Assay listens on {url} and keeps its data in {}.\n\
             API documentation: {url}/docs    Stop it with Ctrl-C.",
            dir.display()
        ));
        server.wait().await?;
        output.say("Stopped.");
        Ok(ExitCode::SUCCESS)
    })
}
