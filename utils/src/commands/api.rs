//! `assay api`: the HTTP service of a deployment.

use std::process::ExitCode;

use assay_platform::Service;

use super::service::{self, Options};
use crate::output::Output;

pub(crate) fn run(output: Output, options: Options) -> anyhow::Result<ExitCode> {
    service::run(output, Service::Api, options)
}
