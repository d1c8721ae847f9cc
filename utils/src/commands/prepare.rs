//! `assay prepare`: tables, buckets and queues, once, with accounts that may make them.

use std::process::ExitCode;

use assay_platform::{Service, telemetry};
use serde_json::json;

use super::{server::block_on, service::Options};
use crate::output::Output;

pub(crate) fn run(output: Output, options: Options) -> anyhow::Result<ExitCode> {
    let config = options.load(Service::Api)?;
    block_on(async {
        telemetry::init_logs(&config.log, Service::Api)?;
        let version = assay_platform::prepare(&config).await?;
        output.value(&json!({ "version": version }))?;
        output.say(format!(
            "Tables of version {version}, buckets and queues are there: api, workers and scanner can start."
        ));
        Ok(ExitCode::SUCCESS)
    })
}
