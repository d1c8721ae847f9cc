//! `assay keys`: the keys and the layout that proofs hang on.

use std::{path::Path, process::ExitCode};

use assay_platform::{
    keys::{Keys, Role, read_trust, write_trust},
    worker::signer_name,
};
use serde_json::json;

use crate::output::Output;

pub(crate) fn init(
    output: Output,
    dir: &Path,
    workers: u32,
    scan: bool,
) -> anyhow::Result<ExitCode> {
    let keys = Keys::init_with(dir, workers, scan)?;
    let owner = keys.trust().owner.keyid();
    output.value(&json!({ "dir": dir, "owner": owner }))?;
    output.say(format!(
        "Keys and layout are in {}.\n\
         Owner's key id: {owner}\n\
         Move {} to a safe place offline: it is needed only to sign a new layout.\n\
         Give {} to those who verify.\n\
         For a machine of its own, `assay keys export SERVICE NAME DIR` writes what a service needs.",
        dir.display(),
        dir.join("owner.pem").display(),
        dir.join("trust.json").display(),
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn add(
    output: Output,
    dir: &Path,
    service: &str,
    name: &str,
) -> anyhow::Result<ExitCode> {
    let role = role(service)?;
    let key = Keys::add(dir, role, name)?;
    output.value(&json!({ "service": service, "name": name, "keyid": key.keyid() }))?;
    let shown = match role {
        Role::Worker => format!(" Proofs call it {}.", signer_name(&key)),
        Role::Api | Role::Scanner => String::new(),
    };
    output.say(format!(
        "Made the key {} of the {service} {name}, and signed layouts that name it.{shown}\n\
         Give the new layouts and trust.json to every service: jobs handed in from then on accept it.\n\
         `assay keys export {service} {name} DIR` writes what its machine needs.",
        key.keyid()
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn export(
    output: Output,
    dir: &Path,
    (service, name): (&str, &str),
    to: &Path,
) -> anyhow::Result<ExitCode> {
    Keys::export(dir, role(service)?, name, to)?;
    output.value(&json!({ "service": service, "name": name, "dir": to }))?;
    output.say(format!(
        "Wrote what the {service} {name} needs to {}. Carry it there over a safe way, and name it in keys.dir.",
        to.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn role(service: &str) -> anyhow::Result<Role> {
    Role::parse(service).ok_or_else(|| {
        anyhow::anyhow!("{service:?} signs no links; expected api, worker or scanner")
    })
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
    write_trust(&read_trust(dir)?, to)?;
    output.value(&json!({ "trust": to }))?;
    output.say(format!(
        "Wrote owner.pub, platform.pub and trust.json to {}.",
        to.display()
    ));
    Ok(ExitCode::SUCCESS)
}
