//! `assay keys`: the keys and the layout that proofs hang on.

use std::{path::Path, process::ExitCode};

use assay_attest::KeyId;
use assay_platform::{
    keys::{FIRST, Grant, Keys, Place, Role, Rotated, read_trust, write_trust},
    worker::signer_name,
};
use serde_json::json;
use time::Duration;

use crate::output::Output;

pub(crate) fn init(
    output: Output,
    place: &Place,
    workers: u32,
    scan: bool,
) -> anyhow::Result<ExitCode> {
    let keys = Keys::init_with(place.clone(), workers, scan)?;
    if place.engine().is_some() {
        return said_of_engine(output, place, &keys, (workers, scan));
    }
    let (dir, owner) = (place.dir(), keys.trust().owner.keyid());
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
    place: &Place,
    service: &str,
    name: &str,
) -> anyhow::Result<ExitCode> {
    let role = role(service)?;
    let key = Keys::add(place.clone(), role, name)?;
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
    say_policy(output, place, role, name);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn export(
    output: Output,
    place: &Place,
    (service, name): (&str, &str),
    to: &Path,
) -> anyhow::Result<ExitCode> {
    let role = role(service)?;
    Keys::export(place.clone(), role, name, to)?;
    output.value(&json!({ "service": service, "name": name, "dir": to }))?;
    output.say(format!(
        "Wrote what the {service} {name} needs to {}. Carry it there over a safe way, and name it in keys.dir.",
        to.display()
    ));
    if place.engine().is_some() {
        output.say(format!(
            "It signs with its key in the engine: keys.name = \"{name}\" there."
        ));
    }
    say_policy(output, place, role, name);
    Ok(ExitCode::SUCCESS)
}

/// Says what was made in an engine, and the least that each token needs.
fn said_of_engine(
    output: Output,
    place: &Place,
    keys: &Keys,
    (workers, scan): (u32, bool),
) -> anyhow::Result<ExitCode> {
    let (dir, owner) = (place.dir(), keys.trust().owner.keyid());
    output.value(&json!({ "dir": dir, "owner": owner }))?;
    output.say(format!(
        "The keys are in the engine and cannot be exported from it; the layout and trust.json, which are public, are \
         in {}.\n\
         Owner's key id: {owner}\n\
         Give {} to those who verify, and {} to each service (keys.dir, with keys.kind = \"vault\" and keys.vault.*).\n\
         Each service needs a token of its own with no more than the policy that is its; the owner's is for \
         `assay keys` alone.",
        dir.display(),
        dir.join("trust.json").display(),
        dir.display(),
    ));
    say_policy(output, place, Role::Api, FIRST);
    for number in 1..=workers {
        say_policy(output, place, Role::Worker, &number.to_string());
    }
    if scan {
        say_policy(output, place, Role::Scanner, FIRST);
    }
    if let Some(engine) = place.engine() {
        output.say(format!("\n# the owner\n{}", engine.policy(Grant::Owner)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says the policy of a service's token, if its key is in an engine.
fn say_policy(output: Output, place: &Place, role: Role, name: &str) {
    if let Some(engine) = place.engine() {
        let policy = engine.policy(Grant::Service(role, name));
        output.say(format!("\n# {} {name}\n{policy}", role.as_str()));
    }
}

fn role(service: &str) -> anyhow::Result<Role> {
    Role::parse(service).ok_or_else(|| {
        anyhow::anyhow!("{service:?} signs no links; expected api, worker or scanner")
    })
}

pub(crate) fn rotate(
    output: Output,
    place: &Place,
    (what, name): (&str, &str),
    overlap_days: u16,
) -> anyhow::Result<ExitCode> {
    let rotated = match what {
        "owner" => Rotated::Owner,
        "platform" => Rotated::Platform,
        service => Rotated::Functionary(role(service)?, name),
    };
    let key = Keys::rotate(place.clone(), rotated, Duration::days(overlap_days.into()))?;
    output.value(
        &json!({ "what": what, "name": name, "keyid": key.keyid(), "overlap_days": overlap_days }),
    )?;
    let hand_out = match place {
        Place::Files(_) => {
            "Give the new key, layouts and trust.json to the services and start them again in that time; then remove the \
             file of the old key, *.former-*.pem."
        }
        Place::Vault { .. } => {
            "It is the next version of the key in the engine. Give the new layouts and trust.json to the services and start \
             them again in that time; then forbid the old version (min_encryption_version of the key)."
        }
    };
    output.say(format!(
        "Made the new key {} of {what} {name}. The old one may sign for {overlap_days} days yet.\n{hand_out}\n\
         Who verifies takes the new trust.json from you or, since it is signed, from GET /trust.",
        key.keyid()
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn revoke(
    output: Output,
    place: &Place,
    keyid: KeyId,
    reason: &str,
) -> anyhow::Result<ExitCode> {
    Keys::revoke(place.clone(), keyid, reason)?;
    output.value(&json!({ "revoked": keyid, "reason": reason }))?;
    output.say(format!(
        "Revoked {keyid}. Give the new trust.json and layouts to every service and start them again; who verifies \
         takes it from you or from GET /trust."
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn layout(output: Output, place: &Place) -> anyhow::Result<ExitCode> {
    Keys::reissue_layout(place.clone())?;
    let dir = place.dir();
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
