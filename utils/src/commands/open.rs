//! `assay open`: the server's page in the browser.

use std::process::{Command, ExitCode, Stdio};

use serde_json::json;

use crate::output::Output;

pub(crate) fn run(output: Output, server: &str) -> anyhow::Result<ExitCode> {
    let page = format!("{}/docs", server.trim_end_matches('/'));
    output.value(&json!({ "url": page }))?;
    let opened = Command::new("xdg-open")
        .arg(&page)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if opened {
        output.say(format!("Opened {page}"));
    } else {
        output.say(format!(
            "No browser could be started here. The page is {page}"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
