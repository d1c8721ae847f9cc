//! `assay model meta`.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Context;
use assay_attest::safetensors::{
    SIGNATURE_KEY,
    file::{Resign, open, recover, update},
};
use serde_json::json;

use super::{Meta, keys};
use crate::output::{Output, shown};

pub(super) fn run(output: Output, asked: &Meta) -> anyhow::Result<ExitCode> {
    let named = || asked.path.display().to_string();
    if asked.recover {
        recover(&asked.path).with_context(named)?;
    }
    if !(asked.set.is_empty() && asked.remove.is_empty() && !asked.drop_signature) {
        change(asked).with_context(named)?;
    }
    let (_, header) = open(&asked.path).with_context(named)?;
    let claims = header.statement().ok().map(|statement| statement.claims);
    let rest: BTreeMap<_, _> = header
        .metadata
        .iter()
        .filter(|(key, _)| *key != SIGNATURE_KEY)
        .collect();
    let signed = header.metadata.contains_key(SIGNATURE_KEY);
    output.value(&json!({"metadata": rest, "signed": signed, "claimed": claims}))?;
    for (key, value) in &rest {
        output.say(shown(&format!("{key}: {value}")));
    }
    if signed {
        output.say("The file is signed; `assay model verify` says by whom, and whether it holds.");
    }
    Ok(ExitCode::SUCCESS)
}

fn change(asked: &Meta) -> anyhow::Result<()> {
    let set: BTreeMap<String, String> = asked.set.iter().cloned().collect();
    if set.contains_key(SIGNATURE_KEY) || asked.remove.iter().any(|key| key == SIGNATURE_KEY) {
        anyhow::bail!("{SIGNATURE_KEY} is the signature; --drop-signature takes it away");
    }
    let Some(path) = &asked.key else {
        let resign = if asked.drop_signature {
            Resign::Drop
        } else {
            Resign::Refuse
        };
        update(&asked.path, &set, &asked.remove, resign)?;
        return Ok(());
    };
    let key = keys::private(path)?;
    update(&asked.path, &set, &asked.remove, Resign::With(&key))?;
    Ok(())
}
