//! `assay healthcheck`: for containers, which have no curl.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use assay_platform::Service;
use serde_json::Value;

use super::{server::block_on, service::Options};
use crate::output::Output;

/// How long an answer may take; shorter than the time that an engine gives a health check.
const PATIENCE: Duration = Duration::from_secs(8);

/// Asks the service that runs with this configuration how it is. Exit code 0 when it can do its work.
pub(crate) fn run(output: Output, service: Service, options: Options) -> anyhow::Result<ExitCode> {
    let config = options.load(service)?;
    let listens = if service.serves() {
        Some(config.listen)
    } else {
        config.status.listen
    };
    let Some(address) = listens else {
        bail!("this {service} answers nowhere; set status.listen, as \"127.0.0.1:8001\"");
    };
    if address.port() == 0 {
        bail!("the service listens on any free port, which cannot be known here; set a port");
    }
    let url = format!("http://{}/health", near(address));
    block_on(async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        let answer = client
            .get(&url)
            .send()
            .await
            .with_context(|| format!("{url} does not answer"))?;
        let healthy = answer.status().is_success();
        let body = answer.text().await?;
        let health: Value = serde_json::from_str(&body)
            .with_context(|| format!("{url} answers, but not as assay does"))?;
        output.value(&health)?;
        output.say(format!(
            "{service}: {}",
            health["status"].as_str().unwrap_or("unknown")
        ));
        if let (false, Some(parts)) = (healthy, health["parts"].as_object()) {
            for (part, state) in parts {
                if let Some(reason) = state.as_str().filter(|state| *state != "ok") {
                    output.say(format!("  {part}: {reason}"));
                }
            }
        }
        Ok(if healthy {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

/// The address by which a service that listens on all of a machine's addresses is reached from there.
fn near(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
