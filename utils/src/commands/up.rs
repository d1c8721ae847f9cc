//! `assay up`: all services in one process.

use std::process::ExitCode;

use assay_platform::Service;

use super::service::{self, Options};
use crate::output::Output;

pub(crate) fn run(
    output: Output,
    options: Options,
    print_config: bool,
) -> anyhow::Result<ExitCode> {
    if print_config {
        return Ok(service::print_config(output));
    }
    service::run(output, Service::All, options)
}
