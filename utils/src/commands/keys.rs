//! `assay keys`: the keys and the layout that proofs hang on.

use std::{path::Path, process::ExitCode};

use assay_attest::KeyId;
use assay_platform::{
    keys::{Keys, Role, Rotated, read_trust, write_trust},
    worker::signer_name,
};
use serde_json::json;
use time::Duration;

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

pub(crate) fn rotate(
    output: Output,
    dir: &Path,
    (what, name): (&str, &str),
    overlap_days: u16,
) -> anyhow::Result<ExitCode> {
    let rotated = match what {
        "owner" => Rotated::Owner,
        "platform" => Rotated::Platform,
        service => Rotated::Functionary(role(service)?, name),
    };
    let key = Keys::rotate(dir, rotated, Duration::days(overlap_days.into()))?;
    output.value(
        &json!({ "what": what, "name": name, "keyid": key.keyid(), "overlap_days": overlap_days }),
    )?;
    output.say(format!(
        "Made the new key {} of {what} {name}. The old one may sign for {overlap_days} days yet.\n\
         Give the new key, layouts and trust.json to the services and start them again in that time; then remove the \
         file of the old key, *.former-*.pem.\n\
         Who verifies takes the new trust.json from you or, since it is signed, from GET /trust.",
        key.keyid()
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn revoke(
    output: Output,
    dir: &Path,
    keyid: KeyId,
    reason: &str,
) -> anyhow::Result<ExitCode> {
    Keys::revoke(dir, keyid, reason)?;
    output.value(&json!({ "revoked": keyid, "reason": reason }))?;
    output.say(format!(
        "Revoked {keyid}. Give the new trust.json and layouts to every service and start them again; who verifies \
         takes it from you or from GET /trust."
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
    write_trust(&read_trust(dir)?, to)?;
    output.value(&json!({ "trust": to }))?;
    output.say(format!(
        "Wrote owner.pub, platform.pub and trust.json to {}.",
        to.display()
    ));
    Ok(ExitCode::SUCCESS)
}
