//! `assay migrate`: the tables' version, up or down.

use std::process::ExitCode;

use assay_platform::{Service, db::Db};
use serde_json::json;

use super::{server::block_on, service::Options};
use crate::output::Output;

pub(crate) fn run(
    output: Output,
    options: Options,
    down_to: Option<i64>,
) -> anyhow::Result<ExitCode> {
    let config = options.load(Service::Api)?;
    block_on(async {
        let version = Db::migrate(&config, down_to).await?;
        output.value(&json!({ "version": version }))?;
        output.say(format!("The tables are of version {version}."));
        Ok(ExitCode::SUCCESS)
    })
}
