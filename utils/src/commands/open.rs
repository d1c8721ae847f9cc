//! `assay open`: the server's page in the browser.

use std::process::{Command, ExitCode, Stdio};

use serde_json::json;

use crate::{client::Client, output::Output};

pub(crate) async fn run(output: Output, client: Client) -> anyhow::Result<ExitCode> {
    // A page that cannot be shown is not opened.
    client.get("/health").await?;
    let page = format!("{}/docs", client.base());
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
