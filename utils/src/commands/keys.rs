//! `assay keys`: the keys and the layout that proofs hang on.

use std::{path::Path, process::ExitCode};

use assay_platform::keys::{Keys, write_trust};
use serde_json::json;

use crate::output::Output;

pub(crate) fn init(output: Output, dir: &Path) -> anyhow::Result<ExitCode> {
    let keys = Keys::init(dir)?;
    let owner = keys.trust().owner.keyid();
    output.value(&json!({ "dir": dir, "owner": owner }))?;
    output.say(format!(
        "Keys and layout are in {}.\n\
         Owner's key id: {owner}\n\
         Move {} to a safe place offline: it is needed only to sign a new layout.\n\
         Give {} to those who verify.",
        dir.display(),
        dir.join("owner.pem").display(),
        dir.join("trust.json").display(),
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn layout(output: Output, dir: &Path) -> anyhow::Result<ExitCode> {
    Keys::reissue_layout(dir)?;
    output.value(&json!({ "layout": dir.join("layout.json") }))?;
    output.say(format!(
        "Signed {} for ten years from today. A running server takes it up when it starts again.",
        dir.join("layout.json").display()
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn trust(output: Output, dir: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    let keys = Keys::open(dir)?;
    write_trust(keys.trust(), to)?;
    output.value(&json!({ "trust": to }))?;
    output.say(format!(
        "Wrote owner.pub, platform.pub and trust.json to {}.",
        to.display()
    ));
    Ok(ExitCode::SUCCESS)
}
